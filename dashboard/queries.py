"""All the dashboard's SQL about runs, customers and governance; the audit trail's is in audit_queries.py.

Each function takes the database and gives rows as dictionaries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

Row = dict[str, Any]
COUNT_LIMIT = 10_000

# No extension for accents is at hand: both sides are folded the same way.
_ACCENTS = ("àáâãäåçèéêëìíîïñòóôõöøùúûüýÿ", "aaaaaaceeeeiiiinoooooouuuuyy")
_FOLD = f"translate(lower({{}}), '{_ACCENTS[0]}', '{_ACCENTS[1]}')"


class Reader(Protocol):
    """What a query needs: `dashboard.connection.Database`, or a test's own."""

    def fetch(self, sql: str, parameters: dict[str, Any] | None = None) -> list[Row]:
        """Rows as dictionaries."""


def list_runs(db: Reader, limit: int = 50) -> list[Row]:
    """Runs, newest first."""
    return db.fetch(
        "SELECT run_id, status, contract, model_version, planned, batches, batch_size, planned_at, finished_at,"
        " prompt_versions, wording, thresholds, scorer_sha256, counts, most_lost_analyses,"
        " llm_recipient, llm_address, llm_model"
        " FROM runs ORDER BY planned_at DESC LIMIT %(limit)s",
        {"limit": limit},
    )


def count_steps(db: Reader, run_id: str) -> list[Row]:
    """Customers per step, outcome and reason, with when the step's first and last customer ended."""
    return db.fetch(
        "SELECT step, outcome, reason, count(*) AS customers, min(ended_at) AS first_at, max(ended_at) AS last_at"
        " FROM run_steps WHERE run_id = %(run)s GROUP BY step, outcome, reason",
        {"run": run_id},
    )


def count_segments(db: Reader, run_id: str) -> dict[str, int]:
    """Customers per risk segment."""
    rows = db.fetch("SELECT segment, count(*) AS n FROM actions WHERE run_id = %(run)s GROUP BY 1", {"run": run_id})
    return {row["segment"]: row["n"] for row in rows}


def count_without_lost_analysis(db: Reader, run_id: str) -> dict[str, int]:
    """Customers per risk segment whose analysis was lost: the segment was found without it."""
    rows = db.fetch(
        "SELECT segment, count(*) AS n FROM actions WHERE run_id = %(run)s AND analysis_lost GROUP BY 1",
        {"run": run_id},
    )
    return {row["segment"]: row["n"] for row in rows}


def count_to_take_up(db: Reader, run_id: str) -> int:
    """Customers of this run that `make redrive` would process again."""
    rows = db.fetch("SELECT count(*) AS n FROM to_take_up WHERE run_id = %(run)s", {"run": run_id})
    return int(rows[0]["n"])


def list_redrives(db: Reader, run_id: str) -> list[str]:
    """The runs that took up customers of this run, oldest first."""
    rows = db.fetch("SELECT redriven_as FROM redrives WHERE run_id = %(run)s ORDER BY part", {"run": run_id})
    return [row["redriven_as"] for row in rows]


def count_offers(db: Reader, run_id: str) -> Row:
    """Customers with an offer (`proposed`), and those without for want of consent (`without_consent`)."""
    return db.fetch(
        "SELECT count(*) FILTER (WHERE source <> 'none') AS proposed, count(*) FILTER (WHERE source = 'none'"
        " AND source_reason IN ('NoConsent', 'ConsentWithdrawn')) AS without_consent"
        " FROM actions WHERE run_id = %(run)s",
        {"run": run_id},
    )[0]


def value_at_risk(db: Reader, run_id: str) -> float | None:
    """Yearly value in euros of the customers in the high-risk segment; None where no value is known."""
    rows = db.fetch(
        "SELECT sum(c.annual_value_eur) AS value FROM actions a JOIN customers c USING (customer_id)"
        " WHERE a.run_id = %(run)s AND a.segment = 'High'",
        {"run": run_id},
    )
    return None if rows[0]["value"] is None else float(rows[0]["value"])


def count_sentiments(db: Reader, run_id: str) -> dict[str, int]:
    """Customers per sentiment found."""
    sql = "SELECT sentiment, count(*) AS n FROM feedback_analyses WHERE run_id = %(run)s GROUP BY 1"
    return {row["sentiment"]: row["n"] for row in db.fetch(sql, {"run": run_id})}


def count_topics(db: Reader, run_id: str) -> list[Row]:
    """Topics by how many customers mention them, and how many of those in a negative message."""
    return db.fetch(
        "SELECT topic, count(*) AS customers, count(*) FILTER (WHERE sentiment = 'negative') AS negative"
        " FROM feedback_analyses, unnest(topics) AS topic WHERE run_id = %(run)s"
        " GROUP BY topic ORDER BY customers DESC, topic LIMIT 8",
        {"run": run_id},
    )


def top_drivers(db: Reader, run_id: str) -> list[Row]:
    """What raises the risk of the high-risk customers, by for how many of them."""
    return db.fetch(
        "SELECT d->>'feature' AS feature, count(*) AS customers, avg((d->>'contribution')::float8) AS mean"
        " FROM actions a JOIN predictions p USING (run_id, customer_id), jsonb_array_elements(p.drivers) AS d"
        " WHERE a.run_id = %(run)s AND a.segment = 'High' AND d->>'direction' = 'raises'"
        " GROUP BY 1 ORDER BY customers DESC, mean DESC LIMIT 6",
        {"run": run_id},
    )


@dataclass(frozen=True)
class CustomerFilter:
    """Which customers of a run to list; empty strings mean any. `consent` is `purpose:yes` or `purpose:no`."""

    run_id: str
    search: str = ""
    segment: str = ""
    sentiment: str = ""
    consent: str = ""
    language: str = ""
    order: str = "risk"


ORDERS = {
    "risk": "p.probability DESC NULLS LAST, c.customer_id",
    "least_risk": "p.probability ASC NULLS LAST, c.customer_id",
    "value": "c.annual_value_eur DESC NULLS LAST, c.customer_id",
    "name": "c.last_name, c.first_name, c.customer_id",
}
_RESULTS = """
LEFT JOIN actions a ON a.run_id = %(run)s AND a.customer_id = c.customer_id
LEFT JOIN offers o ON o.offer_id = a.offer_id
LEFT JOIN feedback_analyses f ON f.run_id = %(run)s AND f.customer_id = c.customer_id
"""
# Each starts where an index gives the answer soonest.
_PREDICTED = "FROM predictions p JOIN customers c USING (customer_id)" + _RESULTS + "WHERE p.run_id = %(run)s"
_UNPREDICTED = (
    "FROM run_customers r JOIN customers c USING (customer_id)"
    " LEFT JOIN predictions p ON p.run_id = %(run)s AND p.customer_id = c.customer_id"
    + _RESULTS
    + "WHERE r.run_id = %(run)s AND p.customer_id IS NULL"
)
_EVERYBODY = (
    "FROM customers c LEFT JOIN predictions p ON p.run_id = %(run)s AND p.customer_id = c.customer_id"
    + _RESULTS
    + "WHERE true"
)
_COLUMNS = (
    "c.customer_id, c.customer_number, c.first_name, c.last_name, c.language, c.annual_value_eur,"
    " p.probability, a.segment, a.source, o.title_fr, o.title_en, f.sentiment,"
    " coalesce(p.analysis_lost, false) AS analysis_lost"
)
_FULL_NAME = "coalesce(c.first_name, '') || ' ' || coalesce(c.last_name, '') || ' ' || coalesce(c.first_name, '')"
_SEARCH = (
    f" AND ({_FOLD.format(_FULL_NAME)} LIKE {_FOLD.format('%(like)s')}"
    " OR c.customer_number ILIKE %(like)s OR c.customer_id::text = lower(%(search)s))"
)
_CONSENT = (
    " AND coalesce((SELECT granted FROM consents n WHERE n.customer_id = c.customer_id AND n.purpose = %(purpose)s"
    " ORDER BY recorded_at DESC, consent_id DESC LIMIT 1), false) = %(granted)s"
)


def _customer_source(wanted: CustomerFilter) -> tuple[str, dict[str, Any]]:
    """FROM and WHERE of a filter, with parameters. A search looks through the whole bank, not only the run."""
    purpose, _, answer = wanted.consent.partition(":")
    escaped = wanted.search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    parameters = {
        "run": wanted.run_id, "search": wanted.search, "like": f"%{escaped}%", "segment": wanted.segment,
        "sentiment": wanted.sentiment, "language": wanted.language, "purpose": purpose, "granted": answer == "yes",
    }  # fmt: skip
    sql = _EVERYBODY if wanted.search else _UNPREDICTED if wanted.segment == "none" else _PREDICTED
    sql += _SEARCH if wanted.search else ""
    sql += _CONSENT if purpose else ""
    sql += " AND c.language = %(language)s" if wanted.language else ""
    if wanted.segment == "none":
        sql += " AND p.customer_id IS NULL"
    elif wanted.segment:
        sql += " AND a.segment = %(segment)s"
    if wanted.sentiment == "none":
        sql += " AND f.customer_id IS NULL"
    elif wanted.sentiment == "lost":
        sql += " AND p.analysis_lost"
    elif wanted.sentiment:
        sql += " AND f.sentiment = %(sentiment)s"
    return sql, parameters


def list_customers(db: Reader, wanted: CustomerFilter, limit: int, offset: int) -> list[Row]:
    """One page of customers with this run's results and today's consents (purpose to granted)."""
    source, parameters = _customer_source(wanted)
    return db.fetch(
        f"SELECT page.*, (SELECT jsonb_object_agg(s.purpose, s.granted) FROM current_consents s"  # noqa: S608
        f" WHERE s.customer_id = page.customer_id) AS consents FROM (SELECT {_COLUMNS} {source}"
        f" ORDER BY {ORDERS[wanted.order]} LIMIT %(limit)s OFFSET %(offset)s) AS page",
        {**parameters, "limit": limit, "offset": offset},
    )


def count_customers(db: Reader, wanted: CustomerFilter) -> int:
    """How many customers a filter lists, counted no further than just past COUNT_LIMIT."""
    source, parameters = _customer_source(wanted)
    sql = f"SELECT count(*) AS n FROM (SELECT 1 {source} LIMIT {COUNT_LIMIT + 1}) AS found"  # noqa: S608
    return int(db.fetch(sql, parameters)[0]["n"])


def consent_states(db: Reader) -> list[Row]:
    """Per purpose: customers whose newest record grants, and whose newest record withdraws."""
    return db.fetch(
        "SELECT purpose, count(*) FILTER (WHERE granted) AS granted, count(*) FILTER (WHERE NOT granted) AS withdrawn"
        " FROM current_consents GROUP BY purpose ORDER BY purpose"
    )


def count_bank(db: Reader) -> int:
    """Customers of the bank."""
    return int(db.fetch("SELECT count(*) AS n FROM customers")[0]["n"])


def summarise_egress(db: Reader, run_id: str | None = None) -> list[Row]:
    """External calls by recipient, country, terms, model, purpose and outcome; one run's, or all."""
    return db.fetch(
        "SELECT recipient, country, retention, model, purpose, coalesce(outcome, 'open') AS outcome,"
        " count(*) AS calls, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out,"
        " percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS latency_median,"
        " percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS latency_p95"
        " FROM egress_ledger WHERE %(run)s::text IS NULL OR run_id = %(run)s"
        " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY calls DESC",
        {"run": run_id},
    )


def list_drift(db: Reader, run_id: str) -> list[Row]:
    """Drift measures of a run, worst first."""
    return db.fetch(
        "SELECT subject, measure, value, level FROM run_drift WHERE run_id = %(run)s"
        " ORDER BY array_position(ARRAY['alarm', 'warning', 'ok'], level), value DESC",
        {"run": run_id},
    )


def list_gaps(db: Reader, run_id: str | None = None, limit: int = 100) -> list[Row]:
    """What reconciliation found missing: one run's, or every run's, newest first."""
    return db.fetch(
        "SELECT run_id, customer_id, step, store, problem, event_id, found_at FROM run_gaps"
        " WHERE %(run)s::text IS NULL OR run_id = %(run)s ORDER BY found_at DESC LIMIT %(limit)s",
        {"run": run_id, "limit": limit},
    )


def list_dead_letters(db: Reader, run_id: str, limit: int = 100) -> list[Row]:
    """Messages of a run that were given up, and those that name no run, newest first."""
    return db.fetch(
        "SELECT run_id, queue, batch_no, step, reason, died_at, redriven_as FROM dead_letters"
        " WHERE run_id = %(run)s OR run_id IS NULL ORDER BY died_at DESC LIMIT %(limit)s",
        {"run": run_id, "limit": limit},
    )


def list_models(db: Reader) -> list[Row]:
    """The model registry, without the models themselves."""
    return db.fetch(
        "SELECT version, contract, algorithm, state, registered_at, approved_by, approved_at, retired_at, metrics,"
        " scorer_sha256, pipeline_sha256, contract_sha256, training_sha256"
        " FROM model_registry ORDER BY registered_at DESC"
    )


def contract_of(db: Reader, model_version: str) -> str:
    """The feature contract a model was trained with, as TOML; empty when the model is unknown."""
    sql = "SELECT contract_toml FROM model_registry WHERE version = %(version)s"
    rows = db.fetch(sql, {"version": model_version})
    return str(rows[0]["contract_toml"]) if rows else ""
