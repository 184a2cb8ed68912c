"""The planner's SQL."""

import json
from dataclasses import astuple, dataclass
from typing import Any
from uuid import UUID

from planner.accounts import StepCount
from planner.requests import PlanRequest
from vigie.database import Transaction
from vigie.decision import DecisionRule
from vigie.errors import ModelNotApprovedError
from vigie.vocabulary import Reason, RunKind, RunStatus, Step, StepOutcome, Wording

# A batch is a quarter of the customers that are left (guided self-scheduling, Polychronopoulos and Kuck 1987): at the
# run's end, when the agent behind has nothing else to do, it waits for a small batch, not for a whole one. Below the
# least size, handing batches over costs more than that saves. Sizes are whole rounds of calls.
SHARE = 4
LEAST_BATCH_SIZE = 64

# Due: has features under the model's contract. Profiling needs a consent in force.
DUE = """
    SELECT f.customer_id,
           (SELECT c.granted FROM consents c
            WHERE c.customer_id = f.customer_id AND c.purpose = 'profiling'
            ORDER BY c.recorded_at DESC, c.consent_id DESC LIMIT 1) IS TRUE AS may_profile
    FROM (SELECT DISTINCT customer_id FROM customer_features WHERE contract = %(contract)s) f
    WHERE (%(all)s OR f.customer_id = ANY(%(customer_ids)s))
      AND (%(redrive)s::text IS NULL
           OR f.customer_id IN (SELECT customer_id FROM to_take_up WHERE run_id = %(redrive)s))
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

# Where the prediction was ended, the batch went on without its analysis.
FAIL_MISSING = """
INSERT INTO run_steps (run_id, customer_id, step, outcome, reason)
SELECT c.run_id, c.customer_id, s.step, 'failed',
       CASE WHEN s.step = 'analyse' AND p.customer_id IS NOT NULL THEN 'AnalysisGivenUp' ELSE 'BatchFailed' END
FROM run_customers c CROSS JOIN unnest(ARRAY['analyse', 'predict', 'decide']) AS s(step)
LEFT JOIN run_steps p ON p.run_id = c.run_id AND p.step = 'predict' AND p.customer_id = c.customer_id
WHERE c.run_id = %s ON CONFLICT DO NOTHING RETURNING customer_id, step, reason
"""


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
    decision: DecisionRule
    batch_size: int
    most_lost_analyses: float
    wording: Wording = Wording.COMPOSED


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a run is."""

    customers: int
    batches: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Redriven:
    """A run that another processes again: its kind and contract, and whether it is closed."""

    purpose: RunKind
    contract: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Closing:
    """How a run ended; counts and reasons are missing until it is closed."""

    status: RunStatus
    planned: int
    most_lost_analyses: float
    counts: dict[str, int] | None = None
    reasons: dict[Step, dict[Reason, int]] | None = None
    campaign: str | None = None


def find_plan(transaction: Transaction, run_id: str) -> Plan | None:
    """Read the plan of a run that exists already. Two planners of one run wait for each other here."""
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


def find_redriven(transaction: Transaction, run_id: str) -> Redriven | None:
    """Read and lock the run to process again: two planners of the same one wait for each other here."""
    rows: list[Any] = transaction.fetch(
        "SELECT purpose, contract, counts IS NOT NULL FROM runs WHERE run_id = %s FOR NO KEY UPDATE", (run_id,)
    )
    return Redriven(RunKind(rows[0][0]), *rows[0][1:]) if rows else None


def note_redrive(transaction: Transaction, of: str, run_id: str) -> None:
    """Store that a run processes another again, and its dead letters."""
    transaction.cursor.execute(
        "INSERT INTO redrives (run_id, part, redriven_as)"
        " SELECT %(of)s, coalesce(max(part), 0) + 1, %(run_id)s FROM redrives WHERE run_id = %(of)s",
        {"of": of, "run_id": run_id},
    )
    transaction.cursor.execute(
        "UPDATE dead_letters SET redriven_as = %s WHERE run_id = %s AND redriven_as IS NULL AND step <> 'close_audit'",
        (run_id, of),
    )


def insert_run(
    transaction: Transaction, asked: PlanRequest, purpose: RunKind, frozen: Frozen, campaign: str | None = None
) -> None:
    """Store a run; its counts follow."""
    transaction.cursor.execute(
        "INSERT INTO runs (run_id, purpose, contract, model_version, scorer_sha256, prompt_versions, thresholds,"
        " decision, batch_size, most_lost_analyses, wording, campaign_id, llm_recipient, llm_address, llm_model,"
        " batches, planned) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 0)",
        (
            asked.run_id,
            purpose,
            frozen.model.contract,
            frozen.model.version,
            frozen.model.scorer_sha256,
            json.dumps(frozen.prompts),
            json.dumps({"high": frozen.decision.high, "medium": frozen.decision.medium}),
            json.dumps(frozen.decision.as_frozen()),
            frozen.batch_size,
            frozen.most_lost_analyses,
            frozen.wording,
            campaign,
            *(astuple(asked.endpoint) if asked.endpoint else (None, None, None)),
        ),
    )


def choose_customers(transaction: Transaction, asked: PlanRequest, contract: str, most: int, round_size: int) -> int:
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
            "redrive": asked.redrive,
            "limit": asked.limit,
            "most": most,
            "least": asked.batch_size or min(most, LEAST_BATCH_SIZE),
            "share": SHARE,
            "round": round_size,
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


def fail_missing_steps(transaction: Transaction, run_id: str) -> list[tuple[UUID, Step, Reason]]:
    """End the steps that no agent ended as failed; return customer, step and reason of each."""
    rows = transaction.fetch(FAIL_MISSING, (run_id,))
    return [(row[0], Step(row[1]), Reason(row[2])) for row in rows]


def count_ends(transaction: Transaction, run_id: str) -> list[StepCount]:
    """How many customers ended each step in which way."""
    rows: list[Any] = transaction.fetch(
        "SELECT step, outcome, reason, count(*) FROM run_steps WHERE run_id = %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (run_id,),
    )
    return [
        StepCount(Step(step), StepOutcome(outcome), Reason(reason) if reason else None, customers)
        for step, outcome, reason, customers in rows
    ]


def count_failed(transaction: Transaction, run_id: str) -> int:
    """How many customers have no prediction or no action because something failed."""
    rows = transaction.fetch(
        "SELECT count(DISTINCT customer_id) FROM run_steps"
        " WHERE run_id = %s AND step IN ('predict', 'decide') AND outcome = 'failed'",
        (run_id,),
    )
    return int(rows[0][0])


def count_without_lost_analysis(transaction: Transaction, run_id: str) -> int:
    """How many predictions were made without an analysis that was lost."""
    rows = transaction.fetch("SELECT count(*) FROM predictions WHERE run_id = %s AND analysis_lost", (run_id,))
    return int(rows[0][0])


def close_run(transaction: Transaction, run_id: str, closed: Closing) -> None:
    """Store how a run ended."""
    transaction.cursor.execute(
        "UPDATE runs SET status = %s, counts = %s, reasons = %s, finished_at = clock_timestamp() WHERE run_id = %s",
        (closed.status, json.dumps(closed.counts), json.dumps(closed.reasons), run_id),
    )


def closed_run(transaction: Transaction, run_id: str) -> Closing | None:
    """Read and lock how a run ended, or that it has not yet: two closers wait for each other here."""
    rows: list[Any] = transaction.fetch(
        "SELECT status, planned, most_lost_analyses, counts, reasons, campaign_id FROM runs"
        " WHERE run_id = %s FOR NO KEY UPDATE",
        (run_id,),
    )
    return Closing(RunStatus(rows[0][0]), *rows[0][1:]) if rows else None
