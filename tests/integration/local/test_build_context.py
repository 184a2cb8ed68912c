""".dockerignore is an allow-list: the project's own files reach the builder, whatever else lies in the clone does not.

The rules are those of the builder: patterns in order, the last that matches the path or a folder above it counts.
An older builder does not look below a folder that is shut out, unless a pattern begins with that folder's path.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import PurePosixPath

import pytest

from vigie_local.settings import REPOSITORY

LINES = [line.strip() for line in (REPOSITORY / ".dockerignore").read_text().splitlines()]
PATTERNS = [line for line in LINES if line and not line.startswith("#")]
# What the image does without.
LEFT_OUT = (
    ".ci/", ".github/", ".dockerignore", ".gitignore", ".pre-commit-config.yaml", "CONTRIBUTING.md", "CHANGELOG.md",
    "docs/images/", "infra/containers/", "tests/data/cases/",
)  # fmt: skip
FOLDERS = ("", "data/", "dashboard/", "docs/", "functions/nlp_agent/", "infra/", "infra/docker/", "infra/migrations/",
           "layers/llm/", "layers/llm/vigie_llm/pseudonymise/", "model/", "model/contracts/", "requirements/",
           "tests/", "tests/data/")  # fmt: skip
FOREIGN = (".env", ".env.local", ".envrc", "customers.csv", "CUSTOMERS.CSV", "clients.xlsx", "export.json", "dump.sql",
           "feedback.jsonl", "id_rsa.pem", "server.key", "secrets.toml", "data.parquet", "data.zip", "vigie.db",
           "notes.txt", ".pgpass", ".netrc", "export.tsv", "customers.csv.gz", "customers.csv.bak")  # fmt: skip


@cache
def expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*)", pattern)
    words = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))


def shut_out(path: str) -> bool:
    above = [str(parent) for parent in PurePosixPath(path).parents if str(parent) != "."]
    result = False
    for line in PATTERNS:
        pattern = expression(line.removeprefix("!"))
        if any(pattern.fullmatch(place) for place in (path, *above)):
            result = not line.startswith("!")
    return result


def reached(path: str) -> bool:
    """Whether every builder gets as far as this path."""
    above = [str(parent) for parent in PurePosixPath(path).parents if str(parent) != "."]
    wanted = [line.removeprefix("!") + "/" for line in PATTERNS if line.startswith("!")]
    return all(not shut_out(folder) or any(line.startswith(f"{folder}/") for line in wanted) for folder in above)


def sent(path: str) -> bool:
    return reached(path) and not shut_out(path)


def tracked() -> list[str]:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is no git clone")
    listing = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return listing.stdout.splitlines()


def test_every_file_of_the_project_reaches_the_builder() -> None:
    assert [path for path in tracked() if not path.startswith(LEFT_OUT) and not sent(path)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_else_reaches_it(folder: str) -> None:
    assert [folder + name for name in FOREIGN if sent(folder + name)] == []


@pytest.mark.parametrize(
    "path", [".git/config", ".local/private/postgres-superuser", ".venv/bin/python", ".aws-sam/build/template.yaml",
             "dashboard/.streamlit/secrets.toml", "churn.toml", "customers", "load_ours.py", "secrets/key",
             "model/__pycache__/card.cpython-313.pyc", "docs/model/customers.csv", "docker-compose.override.yml",
             "tests/data/answers.csv"],
)  # fmt: skip
def test_these_do_not_either(path: str) -> None:
    assert not sent(path)


def test_the_image_keeps_no_file_whose_name_has_no_dot_but_the_projects_own() -> None:
    dockerfile = (REPOSITORY / "infra" / "docker" / "Dockerfile").read_text()
    kept = set(re.findall(r"! -name ([A-Za-z]+)", dockerfile))
    ours = {PurePosixPath(path).name for path in tracked() if "." not in PurePosixPath(path).name and sent(path)}
    assert ours <= kept
    assert kept <= {"Makefile", "LICENSE", "METADATA", "Dockerfile"}
