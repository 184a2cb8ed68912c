"""The registry, against the real schema: one approved model per contract, and the way back."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest

from model.registry import Artefacts, RegistryError, approve, current, list_versions, register, rollback
from vigie_scoring import ScorerHashError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@pytest.fixture
def conn(dsn: str) -> "Iterator[Connection]":
    with closing(psycopg2.connect(dsn)) as opened:
        yield opened


def make_artefacts(version: str) -> Artefacts:
    scorer = json.dumps(
        {
            "format": "vigie-scorer-1", "version": version, "kind": "ebm", "intercept": -1.0,
            "contract": {"name": "bank", "fingerprint": "0" * 64}, "features": [], "terms": [],
        }
    ).encode()  # fmt: skip
    record = {
        "version": version, "contract": "bank", "algorithm": "ebm", "contract_sha256": "0" * 64,
        "training": {"sha256": "1" * 64}, "scorer_sha256": hashlib.sha256(scorer).hexdigest(),
        "pipeline_sha256": hashlib.sha256(b"pipeline").hexdigest(),
    }  # fmt: skip
    return Artefacts(scorer, b"pipeline", record, "name = 'bank'")


def states(conn: "Connection") -> dict[str, str]:
    return {r.version: r.state for r in list_versions(conn, "bank")}


def test_a_registered_model_is_a_candidate_until_somebody_approves_it(conn: "Connection") -> None:
    register(conn, make_artefacts("v1"))
    assert states(conn) == {"v1": "candidate"}
    assert current(conn, "bank") is None


def test_approving_one_retires_the_one_before(conn: "Connection") -> None:
    for version in ("v1", "v2"):
        register(conn, make_artefacts(version))
        approve(conn, version, by="Ada")
    assert states(conn) == {"v1": "retired", "v2": "approved"}


def test_approving_the_approved_one_again_makes_it_the_one_approved_last(conn: "Connection") -> None:
    for version in ("v1", "v2"):
        register(conn, make_artefacts(version))
    approve(conn, "v1", by="Ada")
    with conn, conn.cursor() as cursor:
        cursor.execute("UPDATE model_registry SET approved_at = now() - interval '1 day' WHERE version = 'v1'")
    approve(conn, "v1", by="Grace")
    assert states(conn) == {"v1": "approved", "v2": "candidate"}
    with conn.cursor() as cursor:
        cursor.execute(
            "SELECT approved_by, approved_at > now() - interval '1 hour' FROM model_registry WHERE version = 'v1'"
        )
        assert cursor.fetchone() == ("Grace", True)


def test_rollback_goes_back_to_the_model_before_and_forth_again(conn: "Connection") -> None:
    for version in ("v1", "v2"):
        register(conn, make_artefacts(version))
        approve(conn, version, by="Ada")
    assert rollback(conn, "bank", by="Ada").version == "v1"
    assert states(conn) == {"v1": "approved", "v2": "retired"}
    assert rollback(conn, "bank", by="Ada").version == "v2"


def test_approvals_and_retirements_are_audited_and_the_registry_says_who_decided(conn: "Connection") -> None:
    for version in ("v1", "v2"):
        register(conn, make_artefacts(version))
        approve(conn, version, by="Ada")
    with conn.cursor() as cursor:
        cursor.execute("SELECT event_type, details->>'model_version' FROM audit_log ORDER BY seq")
        expected = [("MODEL_APPROVED", "v1"), ("MODEL_RETIRED", "v1"), ("MODEL_APPROVED", "v2")]
        assert cursor.fetchall() == expected
        cursor.execute("SELECT DISTINCT approved_by FROM model_registry")
        assert cursor.fetchall() == [("Ada",)]


def test_a_scorer_changed_in_the_registry_cannot_be_approved(conn: "Connection") -> None:
    register(conn, make_artefacts("v1"))
    with conn, conn.cursor() as cursor:
        cursor.execute("UPDATE model_registry SET scorer = scorer || ' '::bytea")
    with pytest.raises(ScorerHashError):
        approve(conn, "v1", by="Ada")
    assert states(conn) == {"v1": "candidate"}
    with conn.cursor() as cursor:
        cursor.execute("SELECT event_type, status, details->>'model_version' FROM audit_log")
        assert cursor.fetchall() == [("MODEL_APPROVED", "refused", "v1")]


def test_registering_twice_is_harmless_but_another_scorer_is_refused(conn: "Connection") -> None:
    register(conn, make_artefacts("v1"))
    register(conn, make_artefacts("v1"))
    other = make_artefacts("v1")
    changed = Artefacts(other.scorer, other.pipeline, {**other.record, "scorer_sha256": "f" * 64}, other.contract_toml)
    with pytest.raises(RegistryError, match="another model"):
        register(conn, changed)


def test_nothing_to_roll_back_to_says_so(conn: "Connection") -> None:
    with pytest.raises(RegistryError, match="no earlier version"):
        rollback(conn, "bank", by="Ada")
