"""Masked data can be led back to a person by whoever knows them: it is pseudonymised, and never called otherwise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WORD = re.compile(r"(?<!pseudo)(?<!pseud)anonym\w*", re.IGNORECASE)
# The name that an event type had, which stored events keep; people read its translation.
EVENT_TYPE = "ANONYMISATION"
READ_AS_THEY_ARE = (
    "*.md", "docs/**/*.md", "docs/**/*.toml", "docs/**/*.svg", "dashboard/**/*.toml", "dashboard/**/*.svg", "Makefile",
    "model/**/*.toml", "model/**/*.md", "infra/vigie_model_server/wording_*.toml", "infra/*.sh",
    "docker-compose.yml", "template.yaml", "pyproject.toml",
)  # fmt: skip
PROGRAMS = ("infra/vigie_local", "dashboard", "model", "functions", "layers")


def texts() -> Iterator[tuple[str, str]]:
    """(where, text) of what people read: documents, the dashboard's texts, and whatever a program can print."""
    for pattern in READ_AS_THEY_ARE:
        for path in ROOT.glob(pattern):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for folder in PROGRAMS:
        for path in (ROOT / folder).rglob("*.py"):
            yield from strings_of(path)


def strings_of(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def misused(text: str) -> list[str]:
    return [found for found in WORD.findall(text) if found != EVENT_TYPE]


def test_masked_data_is_called_pseudonymised_wherever_a_person_reads_it() -> None:
    assert [(where, words) for where, text in texts() if (words := misused(text))] == []


def test_documents_dashboard_and_programs_are_all_read() -> None:
    places = {where for where, _ in texts()}
    assert {"dashboard/texts.toml", "docs/governance/claims.toml", "template.yaml"} <= places
    assert any(where.startswith("layers/common/vigie/events.py") for where in places)


@pytest.mark.parametrize("text", ["anonymous data", "Données anonymisées", "fully anonymised", "anonymizer"])
def test_the_other_word_is_found(text: str) -> None:
    assert misused(text)


@pytest.mark.parametrize(
    "text", ["pseudonymised", "Pseudonymisation des données", "event ANONYMISATION", "pseudonymous"]
)
def test_the_right_word_is_not(text: str) -> None:
    assert not misused(text)
