"""docs/governance/audit-format.md is right: its example is taken from the page and checked as the page says."""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path

import pytest

from vigie import verify

PAGE = (Path(__file__).parents[3] / "docs" / "governance" / "audit-format.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\n(.*?)```\n", PAGE, re.DOTALL))
COMMANDS = re.findall(r"```\n\$ python -m vigie\.verify (.*?)\n(.*?)```\n", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the page, and the one that the page says to edit."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    edited = FILES["export.jsonl"].replace("0.00005", "0.00006")
    (tmp_path / "edited.jsonl").write_text(edited, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("command", "answer"), COMMANDS)
def test_every_command_of_the_page_answers_as_shown(
    folder: Path, command: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = verify.main(shlex.split(command))
    assert capsys.readouterr().out == answer
    assert code == (1 if "edited" in command else 0)


def test_the_page_shows_each_command_and_file() -> None:
    assert len(COMMANDS) == 5
    assert set(FILES) >= {"export.jsonl", "checkpoints.txt", "key.pem", "inclusion.json", "consistency.json"}


def test_the_fingerprints_of_the_page_follow_from_its_rules_with_a_hash_function_alone() -> None:
    event = FILES["event.txt"].encode().removesuffix(b"\n")
    leaves = dict(re.findall(r"^([012]) ([0-9a-f]{64})$", PAGE, re.MULTILINE))
    assert hashlib.sha256(b"\x00" + event).hexdigest() == leaves["2"]
    pair = hashlib.sha256(b"\x01" + bytes.fromhex(leaves["0"]) + bytes.fromhex(leaves["1"])).digest()
    root = hashlib.sha256(b"\x01" + pair + bytes.fromhex(leaves["2"])).digest()
    assert f"the first two give `{pair.hex()}`" in PAGE
    assert f"gives the root `{root.hex()}`" in PAGE
    assert verify.parse_checkpoint(list(verify.split_notes(FILES["checkpoints.txt"]))[1]).root == root


def test_the_one_line_key_of_the_page_is_its_public_key() -> None:
    key = verify.load_public_key(FILES["key.pem"].encode())
    assert f"`{verify.as_verifier_key('vigie.example/audit', key)}`" in PAGE


def test_the_page_lists_every_kind_of_fault() -> None:
    for kind, meaning in verify.KINDS.items():
        assert f"| {kind} | {meaning} |" in PAGE
