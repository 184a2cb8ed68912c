"""Owner and signing key together show two auditors two logs: only a witness that both trust is against that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_agent.publishing import cosignature_key, object_key
from audit_agent.witnessing import parse_witnesses
from tests.attacks.published_log import PublishedLog, deployed_aws, published_log
from tests.integration.audit.audit_environment import AuditEnvironment
from tests.integration.audit.conftest import environment  # noqa: F401 - a fixture
from tests.integration.witness.running import RunningWitness, running_witness
from vigie.verify import COSIGNATURE, Signature, format_verifier_key, parse_checkpoint, parse_verifier_key
from vigie_local.localstack import LocalStack
from vigie_operations import audit_export


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalStack]:
    with deployed_aws() as running:
        yield running


@pytest.fixture
def log(environment: AuditEnvironment, aws: LocalStack, tmp_path: Path) -> Iterator[PublishedLog]:  # noqa: F811
    with published_log(environment, aws, tmp_path, rounds=1) as grown:
        yield grown


@pytest.fixture
def witness(log: PublishedLog, tmp_path: Path) -> Iterator[RunningWitness]:
    """A witness that has seen the log at three sizes."""
    with running_witness(tmp_path / "witness", audit_export.verifier_keys(log.target)) as running:
        log.witnesses = parse_witnesses(f"{running.line}@{running.url}")
        log.grow()
        log.grow()
        yield running


def show_another_log(log: PublishedLog) -> None:
    """Replace the history without a trace, in the database and in the store, and sign it."""
    log.environment.tamper("DELETE FROM audit_cosignature")
    log.remove(*log.versions())
    log.rewrite(log.put)


def said(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().out


def test_with_a_required_witness_the_second_log_is_not_valid(
    log: PublishedLog, witness: RunningWitness, capfd: pytest.CaptureFixture[str]
) -> None:
    assert log.verify("--witness-key", witness.line, "--required", "1", auditor="first") == 0, said(capfd)
    assert "at least 1 of those you named have cosigned the newest checkpoint" in said(capfd)
    show_another_log(log)
    # This is what no signature and no store can show to who looks for the first time.
    assert log.verify(auditor="second") == 0
    capfd.readouterr()
    assert log.verify("--witness-key", witness.line, "--required", "1", auditor="third") == 1
    assert "not witnessed (1)" in said(capfd)
    assert log.verify("--witness-key", witness.line, auditor="fourth") == 1


def test_the_witness_cosigns_no_second_log_and_keeps_the_proof_of_it(
    log: PublishedLog, witness: RunningWitness, capfd: pytest.CaptureFixture[str]
) -> None:
    show_another_log(log)
    log.seal()
    assert log.environment.fetch("SELECT * FROM audit_cosignature") == []
    assert list((witness.home / "evidence").iterdir())
    log.grow(20)
    assert log.environment.fetch("SELECT * FROM audit_cosignature") == []
    assert log.verify("--witness-key", witness.line, auditor="new") == 1


def test_a_fork_after_the_last_witnessed_checkpoint_is_valid_up_to_there_and_no_further(
    log: PublishedLog, witness: RunningWitness, capfd: pytest.CaptureFixture[str]
) -> None:
    witnessed = log.sizes()[-1]
    log.witnesses = ()
    log.grow()
    capfd.readouterr()
    assert log.verify("--witness-key", witness.line) == 1
    found = said(capfd)
    assert f"witnessed are the first {witnessed} events only" in found
    assert f"events {witnessed} to {log.sizes()[-1] - 1}: " in found


def test_cosignatures_of_the_first_log_do_not_fit_the_second(
    log: PublishedLog, witness: RunningWitness, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = dict(log.environment.fetch("SELECT tree_size, line FROM audit_cosignature"))
    show_another_log(log)
    for size, line in lines.items():
        log.environment.tamper("INSERT INTO audit_cosignature VALUES (%s, 'w', %s)", size, line)
        key = cosignature_key(size, witness.key.key_id)
        log.s3.put_object(Bucket="published-checkpoints", Key=key, Body=(log.note(size) + line).encode())
    capfd.readouterr()
    assert log.verify("--witness-key", witness.line) == 1
    assert "its cosignature is not by the witness" in said(capfd)


def test_one_key_under_several_names_is_one_witness(
    log: PublishedLog, witness: RunningWitness, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where its lines were renamed: the key's ID holds the name, the signed message does not."""
    assert isinstance(witness.key.key, bytes)
    other = format_verifier_key("witness.example/another", COSIGNATURE, witness.key.key)
    size = log.sizes()[-1]
    [(line,)] = log.environment.fetch("SELECT line FROM audit_cosignature WHERE tree_size = %s", size)
    own = parse_checkpoint(log.note(size) + line).signatures[-1]
    renamed = Signature("witness.example/another", parse_verifier_key(other).key_id, own.signature).line()
    log.environment.tamper("INSERT INTO audit_cosignature VALUES (%s, 'w', %s)", size, renamed)
    both = ("--witness-key", witness.line, "--witness-key", other)
    assert log.verify(*both, "--required", "1") == 0
    assert log.verify(*both, "--required", "2") == 2
    assert "--required 2: there are" in said(capfd)


def test_a_log_that_no_witness_has_seen_is_not_valid_however_honest(
    log: PublishedLog, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with running_witness(tmp_path / "w", audit_export.verifier_keys(log.target)) as unasked:
        assert log.verify("--witness-key", unasked.line) == 1
    assert "0 of the 1 witnesses that you require have cosigned it; no older one is cosigned either" in said(capfd)


def test_hiding_the_checkpoints_that_were_not_witnessed_hides_nothing(
    log: PublishedLog, witness: RunningWitness, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is newer than the newest witnessed checkpoint is counted, and nothing is said of it."""
    log.witnesses = ()
    log.grow()
    log.remove(*[each for each in log.versions() if each["Key"] == object_key(log.sizes()[-1])])
    capfd.readouterr()
    assert log.verify("--witness-key", witness.line) == 1
    assert "missing checkpoint" in said(capfd)
