"""The claims register and what its tests last said, from two files.

`docs/governance/claims.toml` holds tables `[[claim]]` with `id`, the sentence (`en` and `fr`), `articles`, `against`
(whom it holds) and `tests`; `.local/claims.json` a list of objects with `id`, `status` (passed, failed, not_run),
`date`, `commit`, `evidence`.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

STATUSES = ("passed", "failed", "not_run")


class ClaimsFileError(Exception):
    """When a file is there and cannot be read; says which and why."""

    def __init__(self, file: Path, reason: object) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file.name
        self.reason = str(reason)


@dataclass(frozen=True)
class Claim:
    """A governance sentence, against whom it holds, the tests that prove it, and their last result."""

    id: str
    sentence: Mapping[str, str]
    articles: str
    against: tuple[str, ...]
    tests: str
    status: str = "not_run"
    tested_at: datetime | None = None
    commit: str = ""
    evidence: str = ""


def results_file(root: Path) -> Path:
    """Where `make claims` writes: below VIGIE_HOME, or the repository's .local."""
    return Path(os.environ.get("VIGIE_HOME") or root / ".local") / "claims.json"


def load_claims(register: Path, results: Path) -> list[Claim]:
    """The claims in the register's order, none when there is no register.

    Raises:
        ClaimsFileError: a file is malformed.
    """
    if not register.exists():
        return []
    try:
        entries = tomllib.loads(register.read_text(encoding="utf-8")).get("claim", [])
        said = {entry["id"]: entry for entry in _load_results(results)}
        return [_claim(entry, said.get(entry["id"], {})) for entry in entries]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ClaimsFileError(register, error) from error


def _load_results(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    try:
        found = json.loads(results.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ClaimsFileError(results, error) from error
    return [entry for entry in found if entry.get("id")]


def _claim(entry: Mapping[str, Any], said: Mapping[str, Any]) -> Claim:
    status = said.get("status", "not_run")
    return Claim(
        id=entry["id"],
        sentence={"en": entry["en"], "fr": entry["fr"]},
        articles=", ".join(entry["articles"]),
        against=tuple(entry["against"]),
        tests=", ".join(entry["tests"]),
        status=status if status in STATUSES else "not_run",
        tested_at=_moment(said.get("date")),
        commit=str(said.get("commit", ""))[:10],
        evidence=str(said.get("evidence") or ""),
    )


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.astimezone()
