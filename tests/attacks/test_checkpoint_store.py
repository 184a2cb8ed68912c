"""The trail's owner, with the signing key and every right in the store of checkpoints, against `make verify-audit`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_agent.publishing import object_key
from tests.attacks.published_log import BUCKET, PublishedLog, deployed_aws, new_key, published_log
from tests.integration.audit.audit_environment import AuditEnvironment
from tests.integration.audit.conftest import environment  # noqa: F401 - a fixture
from vigie_local.localstack import LocalStack


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalStack]:
    with deployed_aws() as running:
        yield running


@pytest.fixture
def log(environment: AuditEnvironment, aws: LocalStack, tmp_path: Path) -> Iterator[PublishedLog]:  # noqa: F811
    with published_log(environment, aws, tmp_path) as grown:
        yield grown


def test_an_honest_log_is_valid_and_stays_so_as_it_grows(log: PublishedLog) -> None:
    assert log.verify() == 0
    log.grow()
    assert log.verify() == 0


def refused(log: PublishedLog, capfd: pytest.CaptureFixture[str]) -> str:
    """What is said of a log that has to be refused."""
    capfd.readouterr()
    code = log.verify()
    said = capfd.readouterr().out
    assert (code, said.splitlines()[0]) == (1, "NOT VALID"), said
    return said


def test_checkpoints_signed_anew_and_laid_over_the_old_ones(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    log.rewrite(log.put)
    assert "overwritten" in refused(log, capfd)


def test_events_rolled_back_under_delete_markers(log: PublishedLog, capfd: pytest.CaptureFixture[str]) -> None:
    kept, *hidden = log.sizes()
    log.roll_back(kept)
    for size in hidden:
        log.s3.delete_object(Bucket=BUCKET, Key=object_key(size))
    assert "delete marker" in refused(log, capfd)


def test_a_key_s_alias_moved_to_another_key(log: PublishedLog, capfd: pytest.CaptureFixture[str]) -> None:
    log.key = new_key(log.aws.client("kms"))
    with log.deployed_key():
        log.rewrite(lambda _size, _note: None)
        log.grow()
        assert "unknown key" in refused(log, capfd)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_delete_marker_on_any_checkpoint(log: PublishedLog, place: int, capfd: pytest.CaptureFixture[str]) -> None:
    log.s3.delete_object(Bucket=BUCKET, Key=object_key(log.sizes()[place]))
    assert f"checkpoints/{log.sizes()[place]:020d}.txt: a delete marker hides it" in refused(log, capfd)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_checkpoint_removed_for_good(log: PublishedLog, place: int, capfd: pytest.CaptureFixture[str]) -> None:
    size = log.sizes()[place]
    log.remove(*[each for each in log.versions() if each["Key"] == object_key(size)])
    assert f"the store lacks the checkpoint of {size} events" in refused(log, capfd)


def test_every_version_of_every_checkpoint_removed_with_the_records_of_their_publication(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    log.remove(*log.versions())
    log.environment.tamper("DELETE FROM audit_publication")
    assert "missing checkpoint (3)" in refused(log, capfd)


def test_a_bucket_made_anew_that_holds_only_what_came_later(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    log.remove(*log.versions())
    log.s3.delete_bucket(Bucket=BUCKET)
    log.s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    log.grow()
    assert "missing checkpoint (3)" in refused(log, capfd)


def test_one_checkpoint_overwritten_by_another_root_of_its_size(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    size = log.sizes()[1]
    log.put(size, log.signer().sign(size, bytes(32)))
    said = refused(log, capfd)
    assert "overwritten (1)" in said
    assert "forked" in said


def test_a_checkpoint_put_back_over_another_hides_nothing(log: PublishedLog, capfd: pytest.CaptureFixture[str]) -> None:
    size = log.sizes()[1]
    log.put(size, log.signer().sign(size, bytes(32)))
    log.put(size, log.note(size))
    assert "the store holds 3 versions" in refused(log, capfd)


def test_a_checkpoint_under_the_name_of_another_size(log: PublishedLog, capfd: pytest.CaptureFixture[str]) -> None:
    log.put(log.sizes()[-1] + 1, log.note(log.sizes()[-1]))
    assert "replaced checkpoint" in refused(log, capfd)


@pytest.mark.parametrize(
    "name", ["checkpoints/notes.txt", "checkpoints/00000000000000000003.txt.bak", "a/../../x", "x"]
)
def test_a_foreign_object_in_the_store(log: PublishedLog, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    log.s3.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    assert f"foreign object (1): The store holds something that the log did not put there.\n  {name}" in refused(
        log, capfd
    )


def test_a_checkpoint_of_an_unknown_key_next_to_the_others(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    log.key = new_key(log.aws.client("kms"))
    log.put(log.sizes()[-1] + 5, log.signer().sign(log.sizes()[-1] + 5, bytes(32)))
    assert "unknown key (1)" in refused(log, capfd)


def test_a_history_replaced_without_a_trace_is_refused_by_who_has_looked_before(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing in database and store gives it away: what the auditor remembers does."""
    assert log.verify() == 0
    log.remove(*log.versions())
    log.rewrite(log.put)
    log.grow()
    assert "forked" in refused(log, capfd)


def test_a_history_rolled_back_without_a_trace_is_refused_by_who_has_looked_before(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    assert log.verify() == 0
    kept = log.sizes()[0]
    log.remove(*[each for each in log.versions() if each["Key"] != object_key(kept)])
    log.roll_back(kept)
    assert "rolled back" in refused(log, capfd)


def test_a_key_change_that_the_old_key_signed_is_followed_and_no_other(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    assert log.verify() == 0
    log.change_key()
    log.grow()
    assert log.verify() == 0, capfd.readouterr().out
    with log.deployed_key():
        assert log.verify() == 0, "the stack's key is the new one now"
    log.put(log.sizes()[0], log.signer().sign(log.sizes()[0], bytes(32)))
    assert "unknown key" in refused(log, capfd), "the new key signs nothing that is older than itself"


def test_a_key_change_that_the_new_key_signed_itself(log: PublishedLog, capfd: pytest.CaptureFixture[str]) -> None:
    log.change_key(signed_by_the_old_one=False)
    log.grow()
    assert "a key change is signed by neither" in refused(log, capfd)


def test_events_edited_behind_the_newest_checkpoints_that_were_taken_from_the_store(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the records of their publication gone too, the database's own checkpoints still speak."""
    kept, *taken = log.sizes()
    log.remove(*[each for each in log.versions() if each["Key"] != object_key(kept)])
    log.environment.tamper("DELETE FROM audit_publication WHERE tree_size > %s", kept)
    assert log.verify() == 0, "nothing was changed yet"
    log.environment.tamper("UPDATE audit_log SET status = 'failed' WHERE seq = (SELECT max(seq) - 3 FROM audit_log)")
    assert taken
    assert "edited" in refused(log, capfd)


def test_a_key_whose_change_nobody_recorded_is_named_to_who_has_looked_before(
    log: PublishedLog, capfd: pytest.CaptureFixture[str]
) -> None:
    assert log.verify() == 0
    log.key = new_key(log.aws.client("kms"))
    log.grow()
    with log.deployed_key():
        said = refused(log, capfd)
    assert "not trusted (1): The key or the log's name is another than the one you pinned." in said
    assert "unknown key (2)" in said
