"""What an auditor is given checks out with the files alone, and stops doing so once it is touched."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Cloud
from vigie_operations import audit_export

RUN = "audit-export"

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def settings(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_export, "load_settings", lambda: cloud.settings)


@pytest.fixture(scope="module")
def events(cloud: Cloud) -> list[tuple[str]]:
    """A finished run's events, the first one first."""
    assert cloud.run(RUN, {"limit": 12})["audit"]["gaps"] == 0
    ids = "SELECT event_id::text FROM audit_log JOIN audit_leaf USING (event_id) WHERE run_id = %s ORDER BY leaf_index"
    found: list[tuple[str]] = cloud.query(ids, RUN)
    return found


def alone(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that begins with `python` as a stranger would: in that folder, without Vigie's packages."""
    python, *arguments = shlex.split(command)
    assert python == "python"
    return subprocess.run([sys.executable, "-I", *arguments], cwd=folder, capture_output=True, text=True, timeout=120)


def test_the_cover_sheet_s_command_verifies_the_folder_and_finds_what_was_changed(
    cloud: Cloud, events: list[tuple[str]], tmp_path: Path
) -> None:
    assert audit_export.main(["run", "--run", RUN, "--out", str(tmp_path)]) == 0
    cover = (tmp_path / "cover.md").read_text(encoding="utf-8")
    command = re.search(r"^python verify\.py .+$", cover, re.MULTILINE)
    assert command
    told = alone(command[0], tmp_path)
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, "VALID"), told.stdout + told.stderr

    written = {row["event_id"] for row in csv.DictReader((tmp_path / "events.csv").open(encoding="utf-8", newline=""))}
    stored = cloud.query("SELECT event_id::text FROM audit_log WHERE run_id = %s", RUN)
    assert written == {event_id for (event_id,) in stored}
    assert f"## Events: {len(written)}" in cover

    log = tmp_path / "log.jsonl.gz"
    lines = gzip.decompress(log.read_bytes()).decode().splitlines()
    place = next(number for number, line in enumerate(lines) if '"event_type":"PREDICTION_SAVED"' in line)
    lines[place] = lines[place].replace('"status":"ok"', '"status":"failed"', 1)
    log.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    told = alone(command[0], tmp_path)
    assert (told.returncode, told.stdout.splitlines()[0]) == (1, "NOT VALID")
    assert f"event {json.loads(lines[place])['index']}" in told.stdout


def test_one_event_is_proved_without_the_others(
    events: list[tuple[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [event_id] = events[3]
    assert audit_export.main(["inclusion", "--event", event_id, "--out", str(tmp_path)]) == 0
    proof = tmp_path / f"inclusion-{event_id}.json"
    assert f"-m vigie.verify inclusion {proof}" in capsys.readouterr().out
    told = _verify("inclusion", proof)
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, "VALID"), told.stdout
    proof.write_text(proof.read_text(encoding="utf-8").replace(event_id, events[4][0]), encoding="utf-8")
    assert _verify("inclusion", proof).returncode == 1


def test_growth_between_two_checkpoints_is_proved(cloud: Cloud, events: list[tuple[str]], tmp_path: Path) -> None:
    cloud.run(f"{RUN}-later", {"limit": 2})
    assert audit_export.main(["consistency", "--out", str(tmp_path)]) == 0
    [proof] = tmp_path.glob("consistency-*.json")
    told = _verify("consistency", proof)
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, "VALID"), told.stdout
    assert "only grew" in told.stdout


def test_an_event_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = "018f2d7e-0000-7000-8000-000000000000"
    assert audit_export.main(["inclusion", "--event", nobody]) == 2
    assert nobody in capsys.readouterr().err


def _verify(kind: str, proof: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vigie.verify", kind, str(proof), "--key", str(proof.with_name("key.pem"))]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)
