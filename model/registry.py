"""The model registry: candidates come in, one per contract is approved, the others retire.

RegistryError   when a version is unknown, changed on the way, or may not change state
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.base_rate_gate import describe_gate
from vigie.vocabulary import EventStatus, EventType
from vigie_scoring.scorer import Scorer, load_verified

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


# Who approved a model that nobody did.
BY_DEMO = "(the demo's own first model)"
DEMO = f"the demo itself {BY_DEMO}"
DEMO_CONTRACT = "bank"
FIRST_OF_DEMO = """
SELECT (SELECT array_agg(version) FROM model_registry WHERE contract = %(contract)s) = ARRAY[%(version)s]
   AND coalesce((SELECT (content ->> 'demo')::boolean FROM loaded_contracts WHERE name = %(contract)s),
                NOT EXISTS (SELECT FROM customer_features WHERE contract = %(contract)s)
                AND NOT EXISTS (SELECT FROM loaded_contracts WHERE name = %(contract)s))
"""


class RegistryError(ValueError):
    """When the registry cannot do what is asked; names the version and the remedy."""


@dataclass(frozen=True)
class Registered:
    """One row of the registry, without its large files."""

    version: str
    contract: str
    algorithm: str
    scorer_sha256: str
    pipeline_sha256: str | None
    state: str
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Artefacts:
    """What training wrote: the scorer's and the pipeline's bytes, and the training record."""

    scorer: bytes
    pipeline: bytes
    record: Mapping[str, Any]
    contract_toml: str

    @classmethod
    def read(cls, folder: Path, contract_toml: Path) -> "Artefacts":
        """Read a training folder; raises RegistryError when a file is not the one recorded."""
        scorer, pipeline = (folder / "scorer.json").read_bytes(), (folder / "pipeline.joblib").read_bytes()
        record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        for name, payload in (("scorer", scorer), ("pipeline", pipeline)):
            if hashlib.sha256(payload).hexdigest() != record[f"{name}_sha256"]:
                raise RegistryError(f"{folder / name}: not the bytes that training wrote; train again")
        return cls(scorer, pipeline, record, contract_toml.read_text(encoding="utf-8"))


def register(conn: "Connection", artefacts: Artefacts) -> str:
    """Add a trained model as a candidate and return its version; known versions stay as they are."""
    record = artefacts.record
    scorer = Scorer.from_json(artefacts.scorer)
    if scorer.version != record["version"]:
        raise RegistryError(f"scorer {scorer.version} does not belong to record {record['version']}; train again")
    with conn, conn.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO model_registry (version, contract, algorithm, scorer, scorer_sha256, pipeline,
                pipeline_sha256, contract_toml, contract_sha256, training_sha256, metrics, content_fingerprint)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (version) DO NOTHING
            """,
            (
                record["version"], record["contract"], record["algorithm"], artefacts.scorer,
                record["scorer_sha256"], artefacts.pipeline, record["pipeline_sha256"],
                artefacts.contract_toml, record["contract_sha256"], record["training"]["sha256"],
                json.dumps(record), record.get("content_fingerprint"),
            ),
        )  # fmt: skip
        if cursor.rowcount == 0:
            _refuse_another_scorer(cursor, record)
    return str(record["version"])


def approve(conn: "Connection", version: str, by: str, reason: str = "") -> Registered:
    """Make a version the approved one of its contract, and that contract the one runs use; names who decided.

    A model that is no better than the base rate needs a reason, kept with it, which stands for later approvals too.
    """
    if not by.strip():
        raise RegistryError("approve: by is empty; name who approves")
    with conn, conn.cursor() as cursor:
        found = _lock(cursor, version)
        better = is_better(found.metrics)
        if not better and not (reason.strip() or _known_reason(cursor, version)):
            raise RegistryError(_why_not(found))
        cursor.execute("SELECT scorer FROM model_registry WHERE version = %s", (version,))
        scorer = bytes(cursor.fetchone()[0])  # type: ignore[index]
        details: dict[str, object] = {
            "model_version": version, "contract": found.contract, "scorer_sha256": found.scorer_sha256,
            "better_than_base_rate": better,
        }  # fmt: skip
        if sound := hashlib.sha256(scorer).hexdigest() == found.scorer_sha256:
            _switch(cursor, found, by, reason.strip())
        _audit(cursor, EventType.MODEL_APPROVED, details, EventStatus.OK if sound else EventStatus.REFUSED)
        approved = _lock(cursor, version)
    load_verified(scorer, found.scorer_sha256)  # raises what was audited as refused
    return approved


def approve_for_demo(conn: "Connection", version: str) -> bool:
    """Approve the demo's own first model: of a contract that knows no other, and has no customers but the demo's."""
    with conn, conn.cursor() as cursor:
        cursor.execute(FIRST_OF_DEMO, {"version": version, "contract": DEMO_CONTRACT})
        is_first = bool(cursor.fetchone()[0])  # type: ignore[index]
    if is_first:
        approve(conn, version, DEMO, DEMO)
    return is_first


def retire_demo_model(cursor: Any, contract: str) -> bool:
    """Retire the model that the demo approved, as part of the cursor's transaction; whether there was one."""
    cursor.execute(
        "UPDATE model_registry SET state = 'retired', retired_at = clock_timestamp() "
        "WHERE contract = %s AND state = 'approved' AND approved_by LIKE %s RETURNING version",
        (contract, f"%{BY_DEMO}"),
    )
    retired = cursor.fetchone()
    if retired:
        _audit(cursor, EventType.MODEL_RETIRED, {"model_version": retired[0], "contract": contract})
    return bool(retired)


def is_better(metrics: Mapping[str, Any]) -> bool:
    """Whether a model is better than the base rate; models of earlier versions were not asked."""
    return bool(metrics.get("base_rate", {}).get("better", True))


def rollback(conn: "Connection", contract: str, by: str) -> Registered:
    """Approve again the version of this contract that was approved before the current one."""
    with conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT version FROM model_registry WHERE contract = %s AND state = 'retired' "
            "ORDER BY retired_at DESC, version LIMIT 1",
            (contract,),
        )
        row = cursor.fetchone()
    if row is None:
        raise RegistryError(f"contract {contract}: no earlier version to go back to; promote one instead")
    return approve(conn, str(row[0]), by)


def current(conn: "Connection", contract: str) -> Registered | None:
    """The approved version of a contract, None when there is none."""
    found = [r for r in list_versions(conn, contract) if r.state == "approved"]
    return found[0] if found else None


@dataclass(frozen=True)
class Approved:
    """The approved model of a contract, whole, with who approved it and when (ISO date)."""

    scorer: bytes
    contract_toml: str
    metrics: Mapping[str, Any]
    by: str
    at: str


def read_approved(conn: "Connection", contract: str) -> Approved:
    """The approved model of a contract; RegistryError when there is none."""
    with conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT scorer, contract_toml, metrics, approved_by, approved_at::date::text, scorer_sha256 "
            "FROM model_registry WHERE contract = %s AND state = 'approved'",
            (contract,),
        )
        if (row := cursor.fetchone()) is None:
            raise RegistryError(f"contract {contract}: no approved model; make train, then make promote")
    load_verified(bytes(row[0]), row[5])
    return Approved(bytes(row[0]), row[1], row[2], row[3], row[4])


def newest_candidate(conn: "Connection", contract: str) -> Registered | None:
    """The candidate of a contract that was registered last, None when there is none."""
    found = [r for r in list_versions(conn, contract) if r.state == "candidate"]
    return found[-1] if found else None


def list_versions(conn: "Connection", contract: str) -> list[Registered]:
    """Every version of a contract, oldest first."""
    with conn, conn.cursor() as cursor:
        cursor.execute(f"{SELECT} WHERE contract = %s ORDER BY registered_at, version", (contract,))
        return [Registered(*row) for row in cursor.fetchall()]


SELECT = "SELECT version, contract, algorithm, scorer_sha256, pipeline_sha256, state, metrics FROM model_registry"


def _why_not(found: Registered) -> str:
    verdict = describe_gate(found.metrics["base_rate"])
    remedy = (
        f'REASON="…" approves it all the same, and keeps the reason: make promote VERSION={found.version} REASON="…"'
    )
    return f"{found.version} is not approved: {verdict}. Train on more customers or other columns; {remedy}"


def _known_reason(cursor: Any, version: str) -> str:
    cursor.execute("SELECT approval_reason FROM model_registry WHERE version = %s", (version,))
    return str(cursor.fetchone()[0] or "")


def _lock(cursor: Any, version: str) -> Registered:
    cursor.execute(f"{SELECT} WHERE version = %s FOR UPDATE", (version,))
    if (row := cursor.fetchone()) is None:
        raise RegistryError(f"version {version} is not in the registry; make train registers one")
    return Registered(*row)


def _switch(cursor: Any, found: Registered, by: str, reason: str) -> None:
    cursor.execute(
        "UPDATE model_registry SET state = 'retired', retired_at = clock_timestamp() "
        "WHERE contract = %s AND state = 'approved' AND version <> %s RETURNING version",
        (found.contract, found.version),
    )
    retired = [row[0] for row in cursor.fetchall()]
    cursor.execute(
        "UPDATE model_registry SET state = 'approved', approved_by = %s, approved_at = clock_timestamp(), "
        "approval_reason = coalesce(nullif(%s, ''), approval_reason), retired_at = NULL WHERE version = %s",
        (by, reason, found.version),
    )
    for version in retired:
        _audit(cursor, EventType.MODEL_RETIRED, {"model_version": version, "contract": found.contract})


def _audit(
    cursor: Any, event_type: EventType, details: Mapping[str, object], status: EventStatus = EventStatus.OK
) -> None:
    # Who approved stands in the registry itself: a person's name is no fact for the audit log.
    cursor.execute(
        "INSERT INTO audit_log (event_id, occurred_at, agent, event_type, status, details) "
        "VALUES (uuidv7(), clock_timestamp(), 'owner', %s, %s, %s)",
        (event_type, status, json.dumps(details)),
    )


def _refuse_another_scorer(cursor: Any, record: Mapping[str, Any]) -> None:
    known = _lock(cursor, record["version"])
    if known.scorer_sha256 != record["scorer_sha256"]:
        raise RegistryError(
            f"version {record['version']} is registered with scorer {known.scorer_sha256}, this one is "
            f"{record['scorer_sha256']}; the same inputs gave another model: check the libraries' versions"
        )
