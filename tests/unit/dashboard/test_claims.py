"""Claims and what their tests last said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboard.claims import ClaimsFileError, load_claims

REGISTER = """
[[claim]]
id = "consent-first"
en = "Nothing is analysed without consent."
fr = "Rien n’est analysé sans consentement."
articles = ["GDPR 6", "GDPR 7"]
against = ["agent"]
tests = ["tests/integration/test_consent.py::test_refused"]

[[claim]]
id = "no-names-out"
en = "No name leaves."
fr = "Aucun nom ne sort."
articles = ["GDPR 25"]
against = ["fault", "mistake"]
tests = ["tests/unit/test_names.py"]
"""


def write(folder: Path, results: object) -> tuple[Path, Path]:
    register, said = folder / "claims.toml", folder / "claims.json"
    register.write_text(REGISTER)
    said.write_text(json.dumps(results))
    return register, said


def test_each_claim_carries_what_its_test_last_said(tmp_path: Path) -> None:
    result = {
        "id": "consent-first",
        "status": "passed",
        "date": "2026-11-23T08:00:00+00:00",
        "commit": "abcdef0123456789",
    }
    first, second = load_claims(*write(tmp_path, [result | {"evidence": "3 passed"}]))
    assert (first.status, first.commit, first.evidence, first.articles) == (
        "passed", "abcdef0123", "3 passed", "GDPR 6, GDPR 7",
    )  # fmt: skip
    assert first.tested_at is not None
    assert (first.against, second.against) == (("agent",), ("fault", "mistake"))
    assert (second.status, second.tested_at) == ("not_run", None)


def test_without_a_register_there_are_no_claims(tmp_path: Path) -> None:
    assert load_claims(tmp_path / "claims.toml", tmp_path / "claims.json") == []


def test_without_results_no_claim_was_tested(tmp_path: Path) -> None:
    register, said = write(tmp_path, [])
    said.unlink()
    assert {claim.status for claim in load_claims(register, said)} == {"not_run"}


def test_an_unknown_status_is_not_taken_for_a_proof(tmp_path: Path) -> None:
    claims = load_claims(*write(tmp_path, [{"id": "consent-first", "status": "PASS?"}]))
    assert claims[0].status == "not_run"


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    register, said = write(tmp_path, [])
    said.write_text("{")
    with pytest.raises(ClaimsFileError) as raised:
        load_claims(register, said)
    assert raised.value.file == "claims.json"
