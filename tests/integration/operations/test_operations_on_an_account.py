"""Every operation on a stack that is not the local cloud's: nothing they need is known to LocalStack's side alone."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.operations.account import ACCOUNT, REGION, Account

pytestmark = pytest.mark.slow

ABORTED = "aborted-and-resumed"
type Ended = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Runs:
    """What `vigie` said of two runs and of a resumed one."""

    in_words: Ended
    as_json: Ended
    resumed: Ended

    @property
    def reports(self) -> list[dict[str, Any]]:
        """The reports of those that were asked for as JSON."""
        return [*json.loads(self.as_json.stdout), *json.loads(self.resumed.stdout)]

    @property
    def run_id(self) -> str:
        """The id of a finished run."""
        return str(self.reports[0]["run_id"])


@pytest.fixture(scope="session")
def runs(account: Account) -> Runs:
    """Run three at once: one followed in words, one as JSON, and one that is aborted and resumed."""
    with ThreadPoolExecutor() as at_once:
        in_words = at_once.submit(account.vigie, "run", "--input", '{"limit": 6}')
        as_json = at_once.submit(account.vigie, "--json", "run", "--input", '{"limit": 8}')
        resumed = at_once.submit(abort_and_resume, account)
        return Runs(in_words.result(), as_json.result(), resumed.result())


def abort_and_resume(account: Account) -> Ended:
    """Start an execution, stop it once its run is planned, and resume the run."""
    states = account.client("stepfunctions")
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:vigie-retention-run"
    arn = states.start_execution(stateMachineArn=machine, name=ABORTED, input='{"limit": 4}')["executionArn"]
    wait_until(lambda: bool(account.query("SELECT 1 FROM runs WHERE run_id = %s", ABORTED)))
    states.stop_execution(executionArn=arn)
    return account.vigie("--json", "resume", ABORTED)


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds; fail at the deadline."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_runs_are_followed_to_their_end_and_reported(runs: Runs) -> None:
    assert runs.in_words.returncode == 0, runs.in_words.stderr
    assert re.search(r"^Run run-\S+ succeeded in", runs.in_words.stdout, re.MULTILINE)
    assert "gaps 0" in runs.in_words.stdout
    assert "analysed" in runs.in_words.stderr, "its progress is said beside its result"
    assert runs.as_json.returncode == 0, runs.as_json.stderr
    [report, _resumed] = runs.reports
    assert (report["status"], report["customers"]["planned"], report["audit"]["gaps"]) == ("succeeded", 8, 0)


def test_an_aborted_run_is_resumed_under_its_own_id(runs: Runs) -> None:
    assert runs.resumed.returncode == 0, runs.resumed.stderr
    [_report, resumed] = runs.reports
    assert (resumed["run_id"], resumed["status"], resumed["customers"]["planned"]) == (ABORTED, "succeeded", 4)
    assert f"{ABORTED}--resume-2" in runs.resumed.stderr


def test_a_closed_run_is_not_resumed_and_the_remedy_is_an_operation_of_this_target(
    account: Account, runs: Runs
) -> None:
    before = account.query("SELECT run_id, status, counts::text FROM runs ORDER BY run_id")
    refused = account.vigie("resume", runs.run_id)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"vigie --target aws redrive {runs.run_id}" in refused.stderr
    assert "make " not in refused.stderr
    assert account.query("SELECT run_id, status, counts::text FROM runs ORDER BY run_id") == before


def test_there_is_nothing_to_redrive(account: Account, runs: Runs) -> None:
    in_words = account.vigie("redrive")
    assert (in_words.returncode, in_words.stderr.splitlines()[-1:]) == (0, ["Nothing to redrive."])
    as_json = account.vigie("--json", "redrive", runs.run_id)
    assert (as_json.returncode, json.loads(as_json.stdout)) == (0, [])


def test_the_state_of_the_stack_is_shown(account: Account, runs: Runs) -> None:
    in_words = account.vigie("status")
    assert in_words.returncode == 0, in_words.stderr
    assert f"Stack vigie, target aws, region {REGION}" in in_words.stdout
    state = json.loads(account.vigie("--json", "status").stdout)
    assert {run["run_id"]: run["status"] for run in state["runs"]}[runs.run_id] == "succeeded"
    assert [queue["given_up"] for queue in state["queues"]] == [0, 0, 0, 0]


def test_logs_are_shown_in_words_and_as_the_agents_wrote_them(account: Account, runs: Runs) -> None:
    in_words = account.vigie("logs", "--no-follow", "--agent", "planner", "--since", "30")
    assert in_words.returncode == 0, in_words.stderr
    assert in_words.stdout.count("RUN_PLANNED ok") == 3
    raw = account.vigie("logs", "--no-follow", "--json", "--since", "30").stdout.splitlines()
    events = [entry["audit"] for line in raw if line.startswith("{") and "audit" in (entry := json.loads(line))]
    shown = {event["event_id"] for event in events if event["run_id"] == runs.run_id}
    stored = account.query("SELECT event_id::text FROM audit_log WHERE run_id = %s", runs.run_id)
    assert shown == {event_id for (event_id,) in stored}


def test_a_run_is_exported_for_an_auditor_who_checks_it_alone(account: Account, runs: Runs, tmp_path: Path) -> None:
    in_words = account.vigie("audit", "export", runs.run_id)
    assert in_words.returncode == 0, in_words.stderr
    folder = Path(in_words.stdout.splitlines()[0])
    assert folder == account.folder / "vigie-files" / "audit" / runs.run_id, "below the folder of whoever asks"
    command = re.search(r"^python (verify\.py .+)$", (folder / "cover.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert command
    alone = [sys.executable, "-I", *shlex.split(command[1])]
    checked = subprocess.run(alone, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (0, "VALID"), checked.stdout

    exported = json.loads(account.vigie("--json", "audit", "export", runs.run_id, "--out", str(tmp_path)).stdout)
    assert exported["files"].keys() >= {"events.csv", "log.jsonl.gz", "key.pem", "checkpoints.txt"}
    with (tmp_path / "events.csv").open(encoding="utf-8", newline="") as file:
        written = {row["event_id"] for row in csv.DictReader(file)}
    stored = account.query("SELECT event_id::text FROM audit_log WHERE run_id = %s", runs.run_id)
    assert written == {event_id for (event_id,) in stored}


def test_the_log_is_verified_against_the_write_once_store(account: Account, runs: Runs, tmp_path: Path) -> None:
    in_words = account.vigie("audit", "verify", "--out", str(tmp_path))
    assert in_words.returncode == 0, in_words.stdout + in_words.stderr
    assert "VALID" in in_words.stdout.splitlines()
    assert re.search(r"[1-9]\d* of them from the write-once store", in_words.stdout)
    as_json = account.vigie("--json", "audit", "verify", "--out", str(tmp_path))
    assert as_json.returncode == 0, as_json.stderr
    assert json.loads(as_json.stdout)["valid"] is True


def test_proofs_of_an_event_and_of_growth_check_out(account: Account, runs: Runs, tmp_path: Path) -> None:
    [(event_id,)] = account.query("SELECT event_id::text FROM audit_leaf ORDER BY leaf_index LIMIT 1")
    for operation in (("prove-event", event_id), ("prove-growth",)):
        in_words = account.vigie("audit", *operation, "--out", str(tmp_path))
        assert in_words.returncode == 0, in_words.stderr
        proof = json.loads(account.vigie("--json", "audit", *operation, "--out", str(tmp_path)).stdout)
        assert proof["check"] in in_words.stdout
        python, *check = shlex.split(proof["check"])
        assert python == ".venv/bin/python"
        checked = subprocess.run([sys.executable, *check], capture_output=True, text=True, timeout=60)
        assert (checked.returncode, checked.stdout.splitlines()[0]) == (0, "VALID"), checked.stdout


def test_what_is_held_about_a_customer_is_written_for_its_owner_only(
    account: Account, runs: Runs, tmp_path: Path
) -> None:
    [(customer_id,)] = account.query("SELECT customer_id::text FROM predictions WHERE run_id = %s LIMIT 1", runs.run_id)
    in_words = account.vigie("customer", "export", customer_id)
    assert in_words.returncode == 0, in_words.stderr
    assert "1 in customers" in in_words.stdout
    answer = json.loads(account.vigie("--json", "customer", "export", customer_id, "--out", str(tmp_path)).stdout)
    assert answer["rows"]["predictions"] >= 1
    for path in map(Path, answer["files"]):
        assert path.stat().st_mode & 0o077 == 0
    [whole] = [json.loads(path.read_text()) for path in map(Path, answer["files"]) if path.suffix == ".json"]
    assert [row["customer_id"] for row in whole["held"]["customers"]] == [customer_id]


@pytest.fixture
def without_a_secret(account: Account) -> Iterator[str]:
    """The owner's secret is gone while the test runs."""
    manager, name = account.client("secretsmanager"), "vigie/database/owner"
    content = manager.get_secret_value(SecretId=name)["SecretString"]
    manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    yield name
    manager.create_secret(Name=name, SecretString=content)


def test_a_missing_secret_is_named_and_nothing_is_started(account: Account, runs: Runs, without_a_secret: str) -> None:
    before = account.query("SELECT count(*) FROM runs")
    refused = account.vigie("redrive")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"Secret {without_a_secret} cannot be read" in refused.stderr
    assert "docs/operating.md" in refused.stderr
    assert account.query("SELECT count(*) FROM runs") == before


def test_a_stack_that_is_not_there_is_named(account: Account) -> None:
    refused = account.vigie("--stack", "other", "status")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Stack other is not deployed at target aws" in refused.stderr
    assert "--help" in refused.stderr
