"""An independent look at a disturbed run: database, execution, structured logs and what the model server received.

It shares no code with the audit agent's reconciliation, on purpose: one of the two may be wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.bench.cloud import BenchCloud

STEPS = {"analyse": "feedback_analyses", "predict": "predictions", "decide": "actions"}
SAVED = {"analyse": "ANALYSIS_SAVED", "predict": "PREDICTION_SAVED", "decide": "ACTION_SAVED"}
# The output's counts, by step: each sum is the number of planned customers.
SUMS = (
    ("analysed", "without_consent", "without_feedback", "analysis_failed"),
    ("predicted", "prediction_withdrawn", "prediction_failed"),
    ("actions", "action_withdrawn", "action_failed"),
)
REASONED = ("skipped", "failed", "withdrawn")
# What the model server calls its refusals of every call.
OF_THE_ACCOUNT = {"unauthorised", "forbidden", "model_not_found", "model_decommissioned", "no_json_schema", "web_page",
                  "no_quota", "redirected"}  # fmt: skip
# Attempts of one customer that may be refused: a text gets shorter twice.
MOST_REFUSED = 3


@dataclass(frozen=True)
class Finding:
    """A broken promise: `lost`, `doubled`, `stuck` or `wrong`, and what exactly."""

    kind: str
    text: str


def check(cloud: BenchCloud, run_id: str, execution: dict[str, Any]) -> list[Finding]:
    """Everything that is not as it must be after a run, whatever was done to it."""
    if execution["status"] == "RUNNING":
        return [Finding("stuck", "the execution did not end within its time")]
    if execution["status"] != "SUCCEEDED":
        return [Finding("lost", f"the execution ended as {execution['status']}: {execution.get('error')}")]
    output = json.loads(execution["output"])
    return [
        *steps(cloud, run_id),
        *results(cloud, run_id),
        *calls(cloud, run_id),
        *burned(cloud, run_id),
        *events(cloud, run_id),
        *log_lines(cloud, run_id),
        *counts(cloud, run_id, output),
        *dead_letters(cloud, run_id),
    ]


def check_again(cloud: BenchCloud, run_id: str) -> list[Finding]:
    """What changed after a run was closed, which nothing may: a straggler's late commit would show here."""
    rows = cloud.query("SELECT counts FROM runs WHERE run_id = %s AND status <> 'running'", run_id)
    closed = rows[0][0] if rows else None
    late = [*steps(cloud, run_id), *results(cloud, run_id), *events(cloud, run_id)]
    if closed is not None:
        late += _compare(cloud, run_id, closed)
    return [Finding(finding.kind, f"after the end: {finding.text}") for finding in late]


def dead_letters(cloud: BenchCloud, run_id: str) -> Iterator[Finding]:
    """Every dead letter of a run is reported in its trail, once."""
    ((kept,),) = cloud.query("SELECT count(*) FROM dead_letters WHERE run_id = %s", run_id)
    query = "SELECT count(*) FROM audit_log WHERE run_id = %s AND event_type = 'DEAD_LETTERED'"
    ((reported,),) = cloud.query(query, run_id)
    if kept != reported:
        kind = "lost" if reported < kept else "doubled"
        yield Finding(kind, f"{kept} dead letters are kept, {reported} are reported")


def steps(cloud: BenchCloud, run_id: str) -> Iterator[Finding]:
    """Every planned customer ends every step once, as done or for a reason."""
    ends = cloud.query("SELECT customer_id, step, outcome, reason FROM run_steps WHERE run_id = %s", run_id)
    found = Counter((row[0], row[1]) for row in ends)
    planned = [row[0] for row in cloud.query("SELECT customer_id FROM run_customers WHERE run_id = %s", run_id)]
    for customer in planned:
        for step in STEPS:
            times = found.pop((customer, step), 0)
            if times != 1:
                yield Finding("lost" if times == 0 else "doubled", f"{step} of {customer} ended {times} times")
    yield from (Finding("doubled", f"{step} of {customer}, who was not planned") for customer, step in found)
    for customer, step, outcome, reason in ends:
        if outcome != "done" and not (outcome in REASONED and reason):
            yield Finding("wrong", f"{step} of {customer} ended as {outcome} without a reason")


def results(cloud: BenchCloud, run_id: str) -> Iterator[Finding]:
    """A step that is done has one result, every other has none."""
    for step, table in STEPS.items():
        stored = Counter(row[0] for row in cloud.query(f"SELECT customer_id FROM {table} WHERE run_id = %s", run_id))
        done = cloud.query(
            "SELECT customer_id FROM run_steps WHERE run_id = %s AND step = %s AND outcome = 'done'", run_id, step
        )
        for (customer,) in done:
            times = stored.pop(customer, 0)
            if times != 1:
                yield Finding("lost" if times == 0 else "doubled", f"{times} results of {step} for {customer}")
        yield from (Finding("doubled", f"a result of {step} for {customer}, who did not end it") for customer in stored)


def calls(cloud: BenchCloud, run_id: str) -> Iterator[Finding]:
    """No call without its ledger row, every row with its outcome, and nothing asked again that was answered."""
    rows = cloud.query(
        "SELECT customer_id, purpose, attempt, outcome, prompt_sha256 FROM egress_ledger WHERE run_id = %s"
        " ORDER BY customer_id, purpose, attempt",
        run_id,
    )
    # Of any run: one that was given up as stuck may still be asking. Each prompt has markers of its own.
    entered = {row[0] for row in cloud.query("SELECT prompt_sha256 FROM egress_ledger")}
    for request in cloud.model_requests():
        prompt = prompt_of(request)
        if prompt is not None and hashlib.sha256(prompt.encode()).hexdigest() not in entered:
            yield Finding("wrong", "the model server received a request that the ledger does not hold")
    answered: set[tuple[Any, str]] = set()
    for customer, purpose, attempt, outcome, _ in rows:
        if outcome is None:
            yield Finding("lost", f"call {attempt} for {customer} ({purpose}) has no outcome")
        if (customer, purpose) in answered:
            yield Finding("doubled", f"call {attempt} for {customer} ({purpose}) asked what was answered already")
        if outcome == "answered":
            answered.add((customer, purpose))


def burned(cloud: BenchCloud, run_id: str) -> Iterator[Finding]:
    """A fault of the account is asked once per entry, costs no customer a step, and no refusal is repeated often."""
    requests = [request for request in cloud.model_requests() if request["outcome"] in OF_THE_ACCOUNT]
    asked = Counter(prompt for request in requests if (prompt := prompt_of(request)))
    for times in asked.values():
        if times > 1:
            yield Finding("doubled", f"a call that is refused for the account's sake was made {times} times")
    often = cloud.query(
        "SELECT customer_id, purpose, count(*) FROM egress_ledger WHERE run_id = %s AND outcome = 'refused'"
        " GROUP BY 1, 2 HAVING count(*) > %s",
        run_id,
        MOST_REFUSED,
    )
    yield from (Finding("doubled", f"{row[2]} calls for {row[0]} ({row[1]}) were refused") for row in often)
    without = cloud.query(
        "SELECT s.customer_id FROM run_steps s WHERE run_id = %s AND step = 'analyse' AND reason = 'ModelRefused'"
        " AND NOT EXISTS (SELECT FROM egress_ledger e WHERE e.run_id = s.run_id AND e.customer_id = s.customer_id"
        " AND e.purpose = 'feedback_analysis' AND e.outcome = 'refused')",
        run_id,
    )
    yield from (
        Finding("wrong", f"the analysis of {row[0]} ended as refused, and no call of it was") for row in without
    )


def events(cloud: BenchCloud, run_id: str) -> Iterator[Finding]:
    """As many audit events as the tables imply, and of what a withdrawal erased, as many as were erased."""
    recorded = dict(cloud.query("SELECT event_type, count(*) FROM audit_log WHERE run_id = %s GROUP BY 1", run_id))
    for name, expected in _implied(cloud, run_id).items():
        if recorded.get(name, 0) != expected:
            kind = "lost" if recorded.get(name, 0) < expected else "doubled"
            yield Finding(kind, f"{recorded.get(name, 0)} events {name}, {expected} implied")


def log_lines(cloud: BenchCloud, run_id: str) -> Iterator[Finding]:
    """Every audit event has its line in the structured log, or a gap that names it."""
    by_functions = "SELECT event_id FROM audit_log WHERE run_id = %s AND agent <> 'owner'"
    stored = {str(row[0]) for row in cloud.query(by_functions, run_id)}
    # Written after the reconciliation looked.
    late = "SELECT event_id FROM audit_log WHERE run_id = %s AND event_type IN ('RUN_RECONCILED', 'RUN_FINISHED')"
    named = {str(row[0]) for row in cloud.query("SELECT event_id FROM run_gaps WHERE run_id = %s", run_id)}
    named |= {str(row[0]) for row in cloud.query(late, run_id)}
    missing = stored - named - set(_logged(cloud, run_id))
    if missing:
        yield Finding("lost", f"{len(missing)} events without a log line and without a gap that names them")


def counts(cloud: BenchCloud, run_id: str, output: dict[str, Any]) -> Iterator[Finding]:
    """The execution's output says what the tables hold."""
    yield from _compare(cloud, run_id, output["customers"])
    for step in STEPS:
        ended = "SELECT count(*) FROM run_steps WHERE run_id = %s AND step = %s"
        ((number,),) = cloud.query(ended, run_id, step)
        if number != output["customers"]["planned"]:
            yield Finding("wrong", f"{output['customers']['planned']} are planned, {number} came to an end in {step}")
    ((gaps,),) = cloud.query("SELECT count(*) FROM run_gaps WHERE run_id = %s", run_id)
    if output["audit"].get("gaps") not in (gaps, None):
        yield Finding("wrong", f"the output says {output['audit'].get('gaps')} gaps, the table holds {gaps}")


def _compare(cloud: BenchCloud, run_id: str, reported: dict[str, int]) -> Iterator[Finding]:
    ((planned,),) = cloud.query("SELECT count(*) FROM run_customers WHERE run_id = %s", run_id)
    held = {"planned": planned} | {
        name: cloud.query(f"SELECT count(*) FROM {STEPS[step]} WHERE run_id = %s", run_id)[0][0]
        for name, step in (("analysed", "analyse"), ("predicted", "predict"), ("actions", "decide"))
    }
    erased = erased_by_step(cloud, run_id)
    steps_of = {"analysed": "analyse", "predicted": "predict", "actions": "decide"}
    for name, number in held.items():
        # A withdrawal may come between the count and the end.
        if not number <= reported[name] <= number + erased[steps_of.get(name, "")]:
            yield Finding("wrong", f"the output says {reported[name]} {name}, the tables hold {number}")
    for names in SUMS:
        if (total := sum(reported[name] for name in names)) != planned:
            yield Finding("wrong", f"{' + '.join(names)} are {total}, {planned} were planned")


def _implied(cloud: BenchCloud, run_id: str) -> dict[str, int]:
    def count(sql: str) -> int:
        return int(cloud.query(sql, run_id)[0][0])

    erased = erased_by_step(cloud, run_id)
    expected = {
        SAVED[step]: count(f"SELECT count(*) FROM {table} WHERE run_id = %s") + erased[step]
        for step, table in STEPS.items()
    }
    return expected | {
        "SEGMENTATION": expected["ACTION_SAVED"],
        "LLM_CALL_START": count("SELECT count(*) FROM egress_ledger WHERE run_id = %s"),
        "LLM_CALL_END": count("SELECT count(*) FROM egress_ledger WHERE run_id = %s AND outcome IS NOT NULL"),
        "STEP_ENDED": count("SELECT count(*) FROM run_steps WHERE run_id = %s AND outcome <> 'done'") - erased.total(),
        "RUN_PLANNED": 1,
        "RUN_FINISHED": 1,
    }


def erased_by_step(cloud: BenchCloud, run_id: str) -> Counter[str]:
    """How many results withdrawals erased whole, by step."""
    return Counter(
        dict(
            cloud.query(
                "SELECT details->>'step', count(*) FROM audit_log WHERE run_id = %s"
                " AND event_type = 'DERIVED_DATA_ERASED'"
                " AND NOT (details->>'step' = 'decide' AND details->>'purpose' <> 'profiling') GROUP BY 1",
                run_id,
            )
        )
    )


def prompt_of(request: dict[str, Any]) -> str | None:
    """What a request asks, or None where it is no question."""
    if not request["path"].endswith("/chat/completions"):
        return None
    try:
        messages = json.loads(request["body"])["messages"]
        return next(str(message["content"]) for message in messages if message["role"] == "user")
    except (ValueError, KeyError, StopIteration):
        return ""


def _logged(cloud: BenchCloud, run_id: str) -> Iterator[str]:
    logs = cloud.client("logs")
    for group in ("planner", "nlp-agent", "prediction-agent", "action-agent", "audit-agent", "dead-letters"):
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/vigie-{group}", filterPattern=f'"{run_id}"'
        )
        for page in pages:
            for event in page["events"]:
                yield from _event_id(event["message"])


def _event_id(message: str) -> list[str]:
    try:
        return [json.loads(message)["audit"]["event_id"]]
    except (ValueError, KeyError, TypeError):
        return []
