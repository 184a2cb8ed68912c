"""The planner's SQL."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from planner.requests import PlanRequest
from vigie.database import Transaction
from vigie.decision import Decision
from vigie.errors import ModelNotApprovedError

# A batch is a quarter of the customers that are left (guided self-scheduling, Polychronopoulos and Kuck 1987): at the
# run's end, when the agent behind has nothing else to do, it waits for a small batch, not for a whole one. Below the
# least size, handing batches over costs more than that saves. Whole rounds of calls: a part of one takes as long.
SHARE = 4
LEAST_BATCH_SIZE = 64
ROUND = 32

# Due: has features under the model's contract. Profiling needs a consent in force.
DUE = """
    SELECT f.customer_id,
           (SELECT c.granted FROM consents c
            WHERE c.customer_id = f.customer_id AND c.purpose = 'profiling'
            ORDER BY c.recorded_at DESC, c.consent_id DESC LIMIT 1) IS TRUE AS may_profile
    FROM (SELECT DISTINCT customer_id FROM customer_features WHERE contract = %(contract)s) f
    WHERE %(all)s OR f.customer_id = ANY(%(customer_ids)s)
"""
SIZE = """
    least(%(most)s, greatest(%(least)s, ceil(({left}) / (%(share)s * %(round)s)::numeric) * %(round)s))::int
"""
CHOOSE = f"""
WITH RECURSIVE due AS MATERIALIZED ({DUE}),
chosen AS MATERIALIZED (
    SELECT customer_id, (row_number() OVER (ORDER BY customer_id) - 1)::int AS place
    FROM due WHERE may_profile ORDER BY customer_id LIMIT %(limit)s
),
total AS MATERIALIZED (SELECT count(*)::int AS customers FROM chosen),
batch AS (
    SELECT 0 AS first, {SIZE.format(left="customers")} AS size FROM total
    UNION ALL
    SELECT first + size, {SIZE.format(left="customers - first - size")}
    FROM batch, total WHERE first + size < customers
),
cut AS MATERIALIZED (SELECT array_agg(first ORDER BY first) AS firsts, max(size) AS most FROM batch),
inserted AS (
    INSERT INTO run_customers (run_id, customer_id, batch_no)
    SELECT %(run_id)s, customer_id, width_bucket(place, firsts) - 1 FROM chosen CROSS JOIN cut
),
noted AS (
    UPDATE runs SET batch_size = cut.most FROM cut WHERE run_id = %(run_id)s
)
SELECT count(*) FROM due WHERE NOT may_profile
"""  # noqa: S608  (no value is put into this text)


@dataclass(frozen=True, slots=True)
class ApprovedModel:
    """The model in production."""

    version: str
    contract: str
    scorer_sha256: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a run is made with, and keeps."""

    model: ApprovedModel
    prompts: dict[str, str]
    decision: Decision
    batch_size: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a run is."""

    customers: int
    batches: int
    closed: bool = False


def find_plan(transaction: Transaction, run_id: str) -> Plan | None:
    """The plan of a run that exists already. Two planners of one run wait for each other here."""
    transaction.cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (run_id,))
    rows = transaction.fetch("SELECT planned, batches, counts IS NOT NULL FROM runs WHERE run_id = %s", (run_id,))
    return Plan(*rows[0]) if rows else None


def approved_model(transaction: Transaction, contract: str) -> ApprovedModel:
    """The approved model of a contract, or, when none is named, of the one that approved one last.

    Raises:
        ModelNotApprovedError: there is none, or the customers of its contract are loaded with other features.
    """
    rows: list[Any] = transaction.fetch(
        "SELECT version, contract, scorer_sha256, content_fingerprint <> fingerprint IS TRUE"
        " FROM model_registry LEFT JOIN loaded_contracts ON name = contract"
        " WHERE state = 'approved' AND (%(contract)s = '' OR contract = %(contract)s)"
        " ORDER BY approved_at DESC LIMIT 1",
        {"contract": contract},
    )
    if not rows:
        raise ModelNotApprovedError("no model is approved: train one with make train, approve it with make promote")
    *model, differs = rows[0]
    found = ApprovedModel(*model)
    if differs:
        raise ModelNotApprovedError(
            f"model {found.version} was trained for another id column or other features than the customers of contract"
            f" {found.contract} are loaded with: make train and make promote, or make load with the model's contract"
        )
    return found


def unknown_customers(transaction: Transaction, customer_ids: tuple[UUID, ...], contract: str) -> list[UUID]:
    """Those of the given customers that have no features under the contract."""
    rows = transaction.fetch(
        "SELECT asked.id FROM unnest(%s::uuid[]) AS asked(id) WHERE NOT EXISTS"
        " (SELECT FROM customer_features f WHERE f.customer_id = asked.id AND f.contract = %s)",
        (list(customer_ids), contract),
    )
    return [row[0] for row in rows]


def insert_run(transaction: Transaction, asked: PlanRequest, frozen: Frozen) -> None:
    """Store a run; its counts follow."""
    transaction.cursor.execute(
        "INSERT INTO runs (run_id, purpose, contract, model_version, scorer_sha256, prompt_versions, thresholds,"
        " decision, batch_size, batches, planned) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 0)",
        (
            asked.run_id,
            asked.purpose,
            frozen.model.contract,
            frozen.model.version,
            frozen.model.scorer_sha256,
            json.dumps(frozen.prompts),
            json.dumps({"high": frozen.decision.high, "medium": frozen.decision.medium}),
            json.dumps(frozen.decision.as_frozen()),
            frozen.batch_size,
        ),
    )


def choose_customers(transaction: Transaction, asked: PlanRequest, contract: str, most: int) -> int:
    """Put customers in the run, in batches of at most `most`, which is each one's size where a size was asked for.

    Returns how many due ones lack the consent for profiling.
    """
    rows = transaction.fetch(
        CHOOSE,
        {
            "run_id": asked.run_id,
            "contract": contract,
            "all": not asked.customer_ids,
            "customer_ids": list(asked.customer_ids),
            "limit": asked.limit,
            "most": most,
            "least": asked.batch_size or min(most, LEAST_BATCH_SIZE),
            "share": SHARE,
            "round": ROUND,
        },
    )
    return int(rows[0][0])


def count_plan(transaction: Transaction, run_id: str) -> Plan:
    """Count a run's customers and batches, and store the counts with it."""
    rows = transaction.fetch(
        "UPDATE runs SET (planned, batches) = (SELECT count(*), coalesce(max(batch_no) + 1, 0)"
        " FROM run_customers WHERE run_id = %(run_id)s) WHERE run_id = %(run_id)s RETURNING planned, batches",
        {"run_id": run_id},
    )
    return Plan(*rows[0])


def fail_missing_steps(transaction: Transaction, run_id: str) -> list[tuple[UUID, str]]:
    """End the steps that nobody ended as failed, and say which."""
    rows = transaction.fetch(
        "INSERT INTO run_steps (run_id, customer_id, step, outcome, reason)"
        " SELECT c.run_id, c.customer_id, s.step, 'failed', 'BatchFailed'"
        " FROM run_customers c CROSS JOIN unnest(ARRAY['analyse', 'predict', 'decide']) AS s(step)"
        " WHERE c.run_id = %s ON CONFLICT DO NOTHING RETURNING customer_id, step",
        (run_id,),
    )
    return [(row[0], row[1]) for row in rows]


def count_run(transaction: Transaction, run_id: str) -> dict[str, int]:
    """A run's counts: per step and outcome or reason, and those that the execution's output states."""
    rows = transaction.fetch(
        "SELECT count(*) FILTER (WHERE step = 'analyse' AND outcome = 'done'),"
        " count(*) FILTER (WHERE step = 'analyse' AND reason IN ('NoConsent', 'ConsentWithdrawn')),"
        " count(*) FILTER (WHERE step = 'analyse' AND reason = 'NoFeedback'),"
        " count(*) FILTER (WHERE step = 'predict' AND outcome = 'done'),"
        " count(*) FILTER (WHERE step = 'decide' AND outcome = 'done'),"
        " count(DISTINCT customer_id) FILTER (WHERE step IN ('predict', 'decide') AND outcome = 'failed')"
        " FROM run_steps WHERE run_id = %s",
        (run_id,),
    )
    names = ("analysed", "without_consent", "without_feedback", "predicted", "actions", "failed")
    return dict(zip(names, (int(count) for count in rows[0]), strict=True))


def close_run(transaction: Transaction, run_id: str, status: str, counts: dict[str, int]) -> None:
    """Store how a run ended."""
    transaction.cursor.execute(
        "UPDATE runs SET status = %s, counts = %s, finished_at = clock_timestamp() WHERE run_id = %s",
        (status, json.dumps(counts), run_id),
    )


def closed_run(transaction: Transaction, run_id: str) -> tuple[str, int, dict[str, int] | None] | None:
    """A run's status, size and counts; counts are missing until it is closed. Two closers wait for each other here."""
    rows: list[Any] = transaction.fetch(
        "SELECT status, planned, counts FROM runs WHERE run_id = %s FOR NO KEY UPDATE", (run_id,)
    )
    return rows[0] if rows else None
