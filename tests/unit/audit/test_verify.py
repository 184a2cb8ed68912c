"""The offline verifier: what it says of exports, proofs and unusable input, and that it stands alone."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.tamper.sealed_log import ORIGIN, Row, SealedLog, Signer, new_event, sealed_row
from vigie import verify
from vigie.canonical import canonical_event
from vigie.merkle import tree_root
from vigie.proofs import consistency_proof_file, inclusion_proof_file

SIGNER = Signer()
ROWS = [sealed_row(index, new_event(Random(index), index)) for index in range(40)]
SIZES = [10, 25, 40]
LEAVES = [row.leaf for row in ROWS]
NOTES = [SIGNER.checkpoint(LEAVES[:size]) for size in SIZES]
LOG = SealedLog(ROWS, NOTES, NOTES, SIZES)


def _verdict(rows: list[Row]) -> verify.Verdict:
    return LOG.with_rows(rows).verify(SIGNER.public)


def _only(verdict: verify.Verdict) -> tuple[str, int | None, int | None]:
    assert len(verdict.findings) == 1, verdict.findings
    finding = verdict.findings[0]
    return finding.kind, finding.first, finding.last


def _verify_bytes(export: bytes, partial: bool = False, jobs: int = 1) -> verify.Verdict:
    notes = [("notes", "".join(NOTES))]
    return verify.verify_export(io.BytesIO(export), notes, SIGNER.public, partial=partial, jobs=jobs)


def _renumber(rows: list[Row]) -> list[Row]:
    return [replace(row, index=index) for index, row in enumerate(rows)]


def test_an_untouched_log_is_valid_up_to_its_newest_checkpoint() -> None:
    verdict = _verdict(ROWS)
    assert verdict.valid
    assert (verdict.events, verdict.sealed) == (40, 40)
    assert verdict.checkpoint
    assert verdict.checkpoint.root == tree_root(LEAVES)


def test_events_newer_than_the_checkpoint_are_counted_but_not_vouched_for() -> None:
    verdict = _verdict([*ROWS, sealed_row(40, new_event(Random(99), 40))])
    assert verdict.valid
    assert (verdict.events, verdict.sealed) == (41, 40)


def test_an_edited_event_is_named() -> None:
    event = {**ROWS[17].event, "status": "changed"}
    assert _only(_verdict([*ROWS[:17], replace(ROWS[17], event=event), *ROWS[18:]])) == ("edited", 17, 17)


def test_an_edit_with_a_new_fingerprint_lies_between_two_checkpoints() -> None:
    event = {**ROWS[17].event, "status": "changed"}
    assert _only(_verdict([*ROWS[:17], sealed_row(17, event), *ROWS[18:]])) == ("rewritten", 10, 24)


def test_a_missing_index_is_named() -> None:
    assert _only(_verdict(ROWS[:12] + ROWS[14:])) == ("deleted", 12, 13)


def test_a_deletion_hidden_by_new_numbers_lies_between_two_checkpoints() -> None:
    assert _only(_verdict(_renumber(ROWS[:12] + ROWS[13:]))) == ("deleted", 10, 24)


def test_an_event_put_in_is_named_even_after_renumbering() -> None:
    extra = sealed_row(0, new_event(Random(7), 0))
    assert _only(_verdict(_renumber([*ROWS[:12], extra, *ROWS[12:]]))) == ("inserted", 12, 12)


def test_an_event_that_stands_twice_is_named_even_after_renumbering() -> None:
    assert _only(_verdict(_renumber([*ROWS[:12], ROWS[3], *ROWS[12:]]))) == ("duplicated", 12, 12)


def test_two_swapped_events_are_named() -> None:
    rows = list(ROWS)
    rows[11], rows[20] = rows[20], rows[11]
    assert _only(_verdict(_renumber(rows))) == ("reordered", 11, 20)


def test_a_log_cut_between_checkpoints_is_truncated_and_one_cut_at_a_checkpoint_rolled_back() -> None:
    assert _only(_verdict(ROWS[:30])) == ("truncated", 25, 39)
    assert _only(_verdict(ROWS[:25])) == ("rolled back", 25, 39)
    assert _only(_verdict([])) == ("truncated", 0, 39)


def test_two_signed_histories_are_a_fork() -> None:
    other = SIGNER.checkpoint([*LEAVES[:24], LEAVES[0]])
    forked = replace(LOG, stored_notes=[*NOTES, other][-1:])
    kinds = {finding.kind for finding in forked.verify(SIGNER.public).findings}
    assert "forked" in kinds
    smaller = replace(LOG, stored_notes=[SIGNER.checkpoint([*LEAVES[:17], LEAVES[0]])])
    assert _only(smaller.verify(SIGNER.public)) == ("forked", 10, 17)


def test_an_event_sealed_twice_is_named_although_the_log_signed_it() -> None:
    rows = [*ROWS[:5], sealed_row(5, ROWS[2].event)]
    log = SealedLog(rows, [SIGNER.checkpoint(row.leaf for row in rows)], [], [6])
    assert _only(log.verify(SIGNER.public)) == ("duplicated", 5, 5)


def test_nothing_is_valid_without_a_checkpoint_that_counts() -> None:
    thief = Signer()
    assert not LOG.verify(thief.public).valid
    assert {finding.kind for finding in LOG.verify(thief.public).findings} == {"unknown key"}


def test_withheld_texts_are_a_deletion_unless_the_reader_accepts_them() -> None:
    lines = [row.line() for row in ROWS]
    lines[4] = verify.export_line(4, None, LEAVES[4])
    export = b"".join(lines)
    assert _only(_verify_bytes(export)) == ("deleted", 4, 4)
    verdict = _verify_bytes(export, partial=True)
    assert verdict.valid
    assert verdict.withheld == 1


EVENT = canonical_event(**ROWS[3].event)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (EVENT.replace(b'"agent":', b'"agent": '), "not canonical"),
        (EVENT.replace(b'{"agent"', b'{"agent":"x","agent"'), "not canonical"),
        (EVENT.replace(b'"details":{', b'"details":{"zz":1,"zz":2,'), "not canonical"),
        (EVENT.replace(b'"score":0.', b'"score":0.0e1,"t":0.'), "not canonical"),
        (EVENT.replace(b'"agent":', b'"aa":1,"agent":'), "not canonical"),
        (EVENT.replace(b"\xc3\xa9", b"\\u00e9"), "not canonical"),
        (EVENT.replace(b"\xc3\xa9", b"\xff"), "not canonical"),
        (EVENT + b",{}", "not canonical"),
        (b"{}", "not canonical"),
        (b"[]", "unreadable"),
    ],
)
def test_an_event_that_two_readers_could_read_differently_is_refused_even_if_sealed(event: bytes, kind: str) -> None:
    leaf = verify.leaf_hash(event)
    lines = [row.line() for row in ROWS[:3]] + [verify.export_line(3, event, leaf)]
    notes = [("notes", SIGNER.checkpoint([*LEAVES[:3], leaf]))]
    verdict = verify.verify_export(io.BytesIO(b"".join(lines)), notes, SIGNER.public)
    assert _only(verdict) == (kind, 3, 3)


@pytest.mark.parametrize("damage", [b"", b"garbage", b'{"index":3}', b'{"index":03,"leaf_hash":"00"}'])
def test_a_line_that_is_no_line_of_an_export_is_named(damage: bytes) -> None:
    lines = [row.line() for row in ROWS]
    lines[3] = damage + b"\n"
    assert _only(_verify_bytes(b"".join(lines))) == ("unreadable", 3, 3)


def test_unusual_events_are_read_as_the_usual_ones_are() -> None:
    odd = {"agent": 'a "quoted" é', "details": {"x": 0.00001, "y": [1, {"z": "\n"}], "é": 10**30}}
    rows = [sealed_row(i, {**row.event, **(odd if i % 3 else {})}) for i, row in enumerate(ROWS)]
    log = SealedLog(rows, [SIGNER.checkpoint(row.leaf for row in rows)], [], [40])
    assert log.verify(SIGNER.public).findings == ()


@pytest.mark.parametrize("block", [1, 700, 5000])
@pytest.mark.parametrize("jobs", [1, 2])
def test_blocks_and_processes_make_no_difference(block: int, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "BLOCK_BYTES", block)
    good = b"".join(row.line() for row in ROWS)
    assert _verify_bytes(good, jobs=jobs).valid
    edited = good.replace(ROWS[31].event["event_id"].encode(), ROWS[30].event["event_id"].encode())
    assert _only(_verify_bytes(edited, jobs=jobs)) == ("edited", 31, 31)


# --- The command, from a copy of the one file ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stranger's folder: the verifier's file, the key, the checkpoints and the export."""
    shutil.copy(verify.__file__, tmp_path / "verify.py")
    (tmp_path / "key.der").write_bytes(SIGNER.der)
    (tmp_path / "checkpoints").mkdir()
    for size, note in zip(SIZES, NOTES, strict=True):
        (tmp_path / "checkpoints" / f"{size}.txt").write_text(note, encoding="utf-8")
    with gzip.open(tmp_path / "export.jsonl.gz", "wb") as stream:
        stream.writelines(row.line() for row in ROWS)
    return tmp_path


def _run(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-I", "verify.py", *arguments, "--key", "key.der", "--origin", ORIGIN]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", env=environment)
    return result.returncode, result.stdout + result.stderr


def test_the_one_file_checks_an_export_alone(folder: Path) -> None:
    code, said = _run(folder, "export", "export.jsonl.gz", "--checkpoints", "checkpoints")
    assert code == 0, said
    assert said.startswith("VALID\nCheckpoint: vigie.example/audit, 40 events")


def test_the_command_reports_what_is_wrong_and_where(folder: Path) -> None:
    (folder / "export.jsonl").write_bytes(b"".join(row.line() for row in ROWS[:5] + ROWS[6:]))
    code, said = _run(folder, "export", "export.jsonl", "--checkpoints", "checkpoints")
    assert code == 1
    assert "deleted (1): Sealed events were taken out.\n  event 5:" in said
    code, said = _run(folder, "export", "export.jsonl", "--checkpoints", "checkpoints", "--json")
    assert json.loads(said)["findings"][0]["first"] == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "absent.jsonl", "--checkpoints", "checkpoints"),
        ("export", "cut.jsonl.gz", "--checkpoints", "checkpoints"),
        ("export", "export.jsonl.gz", "--checkpoints", "empty"),
        ("inclusion", "absent.json"),
    ],
)
def test_what_cannot_be_checked_is_neither_valid_nor_invalid(folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "empty").mkdir()
    (folder / "cut.jsonl.gz").write_bytes((folder / "export.jsonl.gz").read_bytes()[:-20])
    code, said = _run(folder, *arguments)
    assert code == 2
    assert said.startswith("COULD NOT BE CHECKED")


def _range_root(start: int, end: int) -> bytes:
    return tree_root(LEAVES[start:end])


def test_one_event_can_be_proved_to_be_in_the_log(folder: Path) -> None:
    proof = inclusion_proof_file(EVENT, 3, NOTES[-1], _range_root)
    (folder / "proof.json").write_text(proof, encoding="utf-8")
    code, said = _run(folder, "inclusion", "proof.json")
    assert (code, said.split("\n")[2]) == (0, EVENT.decode())
    (folder / "proof.json").write_text(proof.replace('"index": 3', '"index": 4'), encoding="utf-8")
    assert _run(folder, "inclusion", "proof.json")[0] == 1


@pytest.mark.parametrize(
    "change",
    [
        ('"status":"', '"status":"x'),
        ('"agent":', '"agent":"x","agent":'),
        ('"event_id":', '"extra":1,"event_id":'),
        ('"proof": [\n "', '"proof": [\n "0'),
        ("vigie inclusion proof", "vigie consistency proof"),
        ("\\n40\\n", "\\n41\\n"),
    ],
)
def test_a_changed_inclusion_proof_is_refused(change: tuple[str, str]) -> None:
    proof = inclusion_proof_file(EVENT, 3, NOTES[-1], _range_root)
    assert change[0] in proof
    with pytest.raises((verify.ProofError, verify.CheckpointError)):
        verify.check_inclusion_file(proof.replace(*change), SIGNER.public)


def test_a_log_can_be_proved_to_have_only_grown(folder: Path) -> None:
    proof = consistency_proof_file(NOTES[0], NOTES[2], _range_root)
    (folder / "proof.json").write_text(proof, encoding="utf-8")
    code, said = _run(folder, "consistency", "proof.json")
    assert code == 0
    assert "only grew: its first 10 events are still the same" in said
    forked = SIGNER.checkpoint([*LEAVES[:9], LEAVES[30]])
    (folder / "proof.json").write_text(consistency_proof_file(forked, NOTES[2], _range_root), encoding="utf-8")
    assert _run(folder, "consistency", "proof.json")[0] == 1


# --- What a signed log may not hold: an event twice, and a time that is none ---


def _signed(rows: list[Row]) -> verify.Verdict:
    return SealedLog(rows, [SIGNER.checkpoint(row.leaf for row in rows)], [], [len(rows)]).verify(SIGNER.public)


def test_an_event_id_sealed_twice_is_named_although_the_events_differ() -> None:
    other = {**ROWS[5].event, "event_id": ROWS[2].event["event_id"]}
    verdict = _signed([*ROWS[:5], sealed_row(5, other), *ROWS[6:]])
    assert _only(verdict) == ("duplicated", 5, 5)
    # The same where lines are read one by one.
    odd = {**other, "agent": 'a "quoted" one'}
    assert _only(_signed([*ROWS[:5], sealed_row(5, odd), *ROWS[6:]])) == ("duplicated", 5, 5)


def _with(name: str, value: str) -> verify.Verdict:
    event = EVENT.replace(str(json.loads(EVENT)[name]).encode(), value.encode())
    leaf = verify.leaf_hash(event)
    lines = [row.line() for row in ROWS[:3]] + [verify.export_line(3, event, leaf)]
    notes = [("notes", SIGNER.checkpoint([*LEAVES[:3], leaf]))]
    return verify.verify_export(io.BytesIO(b"".join(lines)), notes, SIGNER.public)


@pytest.mark.parametrize(
    "moment",
    [
        "", "yesterday", "2026-11-23", "2026-11-23T07:00:00", "2026-11-23T07:00:00.000001", "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T07:60:00Z", "2026-11-23 07:00:00Z",
        "2026-11-23T07:00:00+25:00", "2026-11-23T07:00:00Zx", "0000-01-01T00:00:00Z", "२०२६-11-23T07:00:00Z",
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_named_although_it_is_sealed(moment: str) -> None:
    assert _only(_with("occurred_at", moment)) == ("malformed event", 3, 3)


@pytest.mark.parametrize("moment", ["2024-02-29T23:59:59.999999Z", "2026-11-23T07:00:00Z", "2026-11-23T07:00:00+05:30"])
def test_a_time_with_its_zone_is_one(moment: str) -> None:
    assert _with("occurred_at", moment).valid


@pytest.mark.parametrize(
    "own_id", ["", "1", "018F2D7E-0000-7000-8000-000000000001", "018f2d7e000070008000000000000001"]
)
def test_an_id_that_is_none_is_named_although_it_is_sealed(own_id: str) -> None:
    assert _only(_with("event_id", own_id)) == ("malformed event", 3, 3)


# --- Whose log, and what was seen before ---

CHECK = ("export", "export.jsonl.gz", "--checkpoints", "checkpoints")


def _alone(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-I", "verify.py", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize("command", [CHECK, ("inclusion", "proof.json"), ("consistency", "proof.json")])
def test_a_log_without_its_name_is_not_checked(folder: Path, command: tuple[str, ...]) -> None:
    code, said = _alone(folder, *command, "--key", "key.der")
    assert (code, said) == (
        2, "COULD NOT BE CHECKED: whose log? Give its name (--origin NAME), or a file that pins it (--trust FILE)\n",
    )  # fmt: skip
    assert _alone(folder, *CHECK, "--key", "key.der", "--origin", "vigie.example/other")[0] == 1


def test_what_was_trusted_on_first_use_is_demanded_ever_after(folder: Path) -> None:
    code, said = _alone(folder, *CHECK, "--key", "key.der", "--trust", "trust.json")
    assert code == 0
    assert (
        "Trust on first use: nothing was pinned before. trust.json pins from now on the log vigie.example/audit" in said
    )
    assert (folder / "trust.json").stat().st_mode & 0o777 == 0o600
    pinned = (folder / "trust.json").read_bytes()
    code, said = _alone(folder, *CHECK, "--trust", "trust.json")
    assert (code, "Trust on first use" in said) == (0, False)
    thief = Signer()
    (folder / "key.der").write_bytes(thief.der)
    code, said = _alone(folder, *CHECK, "--key", "key.der", "--trust", "trust.json")
    assert code == 1
    assert f"the key given is {thief.public.key_id.hex()}, the trust file pins {SIGNER.public.key_id.hex()}" in said
    code, said = _alone(folder, *CHECK, "--origin", "vigie.example/other", "--trust", "trust.json")
    assert (code, "the log given is 'vigie.example/other', the trust file pins 'vigie.example/audit'" in said) == (
        1,
        True,
    )
    assert (folder / "trust.json").read_bytes() == pinned
    proof = inclusion_proof_file(EVENT, 3, NOTES[-1], _range_root)
    (folder / "proof.json").write_text(proof, encoding="utf-8")
    assert _alone(folder, "inclusion", "proof.json", "--trust", "trust.json")[0] == 0
    assert _alone(folder, "inclusion", "proof.json", "--trust", "trust.json", "--key", "key.der")[0] == 1
    assert _alone(folder, "inclusion", "proof.json", "--trust", "none.json", "--key", "key.der")[0] == 2


def test_a_log_that_is_not_valid_pins_nothing(folder: Path) -> None:
    (folder / "checkpoints" / "x.txt").write_text(Signer().checkpoint(LEAVES), encoding="utf-8")
    assert _alone(folder, *CHECK, "--key", "key.der", "--trust", "trust.json")[0] == 1
    assert not (folder / "trust.json").exists()


def test_a_trust_file_that_cannot_be_relied_on_is_refused(folder: Path) -> None:
    assert _alone(folder, *CHECK, "--key", "key.der", "--trust", "trust.json")[0] == 0
    trust = folder / "trust.json"
    trust.chmod(0o620)
    code, said = _alone(folder, *CHECK, "--trust", "trust.json")
    assert (code, "can be written by others than its owner" in said) == (2, True)
    trust.chmod(0o600)
    good = json.loads(trust.read_text(encoding="utf-8"))
    for bad in ("", "{}", "[]", json.dumps({**good, "key": "x"}), json.dumps({**good, "checkpoint": "x"})):
        trust.write_text(bad, encoding="utf-8")
        code, said = _alone(folder, *CHECK, "--key", "key.der", "--trust", "trust.json")
        assert (code, "is no trust file" in said) == (2, True), bad
