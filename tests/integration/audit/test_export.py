"""What an auditor is given verifies on its own, and says what it must."""

import contextlib
import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.integration.audit.audit_environment import AuditEnvironment, request
from tests.integration.audit.finished_run import RUN, FinishedRun
from tests.tamper.sealed_log import ORIGIN
from vigie.run_export import export_run
from vigie.trail import Trail, TrailError
from vigie.verify import check_consistency_file, check_inclusion_file


def test_a_run_is_exported_with_all_it_takes_to_verify_it(environment: AuditEnvironment, tmp_path: Path) -> None:
    run = FinishedRun(environment)
    run.write()
    run.close()
    environment.sealer().seal(request())
    pem = environment.kms.signer.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with contextlib.closing(environment.connect("dashboard")) as connection:
        cover, *_ = export_run(connection, RUN, tmp_path, Trail(connection).checkpoints(), pem)
    command = [sys.executable, "verify.py", "export", "log.jsonl.gz", "--checkpoints", "checkpoints.txt"]
    checked = subprocess.run(
        [*command, "--key", "key.pem", "--origin", ORIGIN, "--partial"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
    )
    assert checked.stdout.startswith("VALID\n"), checked.stderr
    rows = list(csv.DictReader((tmp_path / "events.csv").open(encoding="utf-8")))
    lines = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == len(lines) == len(run.logs.lines)
    assert [row["event_id"] for row in rows] == [json.loads(line)["event"]["event_id"] for line in lines]
    sheet = cover.read_text(encoding="utf-8")
    assert "m-1" in sheet
    assert f"covers {len(lines)} of the run's {len(lines)} events" in sheet
    assert "Gaps: not known" in sheet


def test_proofs_of_one_event_and_of_growth_are_accepted_by_the_verifier(environment: AuditEnvironment) -> None:
    first = environment.write(5)
    environment.sealer().seal(request())
    environment.write(8)
    environment.sealer().seal(request())
    key = environment.kms.signer.public
    with contextlib.closing(environment.connect("dashboard")) as connection:
        trail = Trail(connection)
        event, index, _ = check_inclusion_file(trail.inclusion(first[2]), key)
        older, newer = check_consistency_file(trail.consistency(5, 14), key)
        with pytest.raises(TrailError, match="not sealed"):
            trail.inclusion(environment.write(1)[0])
    assert (index, str(first[2]) in event) == (2, True)
    assert (older.size, newer.size) == (5, 14)
