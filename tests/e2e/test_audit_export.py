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

RUN = "audit-export"

pytestmark = pytest.mark.slow


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
    exported = cloud.vigie("audit", "export", RUN, "--out", str(tmp_path))
    assert exported.returncode == 0, exported.stderr
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


def test_one_event_is_proved_without_the_others(cloud: Cloud, events: list[tuple[str]], tmp_path: Path) -> None:
    [event_id] = events[3]
    proved = cloud.vigie("audit", "prove-event", event_id, "--out", str(tmp_path))
    assert proved.returncode == 0, proved.stderr
    proof = tmp_path / f"inclusion-{event_id}.json"
    assert f"-m vigie.verify inclusion {proof}" in proved.stdout
    told = _verify("inclusion", proof)
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, "VALID"), told.stdout
    proof.write_text(proof.read_text(encoding="utf-8").replace(event_id, events[4][0]), encoding="utf-8")
    assert _verify("inclusion", proof).returncode == 1


def test_growth_between_two_checkpoints_is_proved(cloud: Cloud, events: list[tuple[str]], tmp_path: Path) -> None:
    cloud.run(f"{RUN}-later", {"limit": 2})
    assert cloud.vigie("audit", "prove-growth", "--out", str(tmp_path)).returncode == 0
    [proof] = tmp_path.glob("consistency-*.json")
    told = _verify("consistency", proof)
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, "VALID"), told.stdout
    assert "only grew" in told.stdout


def test_an_event_that_is_not_there_is_named(cloud: Cloud) -> None:
    missing = "018f2d7e-0000-7000-8000-000000000000"
    refused = cloud.vigie("audit", "prove-event", missing)
    assert refused.returncode == 2
    assert missing in refused.stderr


def test_the_log_is_verified_in_words_and_as_json(cloud: Cloud, events: list[tuple[str]], tmp_path: Path) -> None:
    said = cloud.vigie("audit", "verify", "--out", str(tmp_path))
    assert said.returncode == 0, said.stderr
    assert "VALID" in said.stdout.splitlines()
    as_json = cloud.vigie("--json", "audit", "verify", "--out", str(tmp_path))
    assert as_json.returncode == 0, as_json.stderr
    assert json.loads(as_json.stdout)["valid"] is True


def test_what_is_held_about_a_customer_is_written_for_its_owner_only(cloud: Cloud, tmp_path: Path) -> None:
    [(customer_id,)] = cloud.query("SELECT customer_id::text FROM customers ORDER BY customer_id LIMIT 1")
    exported = cloud.vigie("--json", "customer", "export", customer_id, "--out", str(tmp_path))
    assert exported.returncode == 0, exported.stderr
    written = tmp_path / f"{customer_id}.json"
    answer = json.loads(exported.stdout)
    assert str(written) in answer["files"]
    assert answer["rows"]["customers"] == 1
    assert written.stat().st_mode & 0o077 == 0


def test_the_state_of_the_stack_is_shown(cloud: Cloud, events: list[tuple[str]]) -> None:
    found = json.loads(cloud.vigie("--json", "status").stdout)
    assert RUN in {run["run_id"] for run in found["runs"]} or len(found["runs"]) == 5
    assert {run["llm_model"] for run in found["runs"]} == {"vigie-local-rules"}
    assert "vigie-local-rules at http://127.0.0.1:" in cloud.vigie("status").stdout
    assert [queue["name"] for queue in found["queues"]] == [
        "vigie-nlp",
        "vigie-prediction",
        "vigie-action",
        "vigie-audit",
    ]


def _verify(kind: str, proof: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vigie.verify", kind, str(proof), "--key", str(proof.with_name("key.pem"))]
    command += ["--origin", "vigie.local/audit"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)
