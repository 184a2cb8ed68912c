"""The summary of a run and the closing lines of a deployment."""

from __future__ import annotations

from dataclasses import replace

from vigie_llm.recipients import endpoint_of
from vigie_local.settings import ModelProvider, load_settings
from vigie_local.summary import what_next
from vigie_operations.run_report import RunReport, endpoint_line

REPORT = RunReport(
    run_id="run-1", status="succeeded", seconds=10.0,
    customers={
        "planned": 500, "analysed": 411, "without_consent": 74, "without_feedback": 15,
        "predicted": 500, "actions": 500, "failed": 0,
    },
    segments={"High": 31, "Low": 380, "Medium": 89}, action_sources={"model": 310, "catalogue": 90, "none": 100},
    audit_events=6123, left_out=34, audit={"tree_size": 6123, "root_hash": "ab", "gaps": 0},
)  # fmt: skip


def test_the_summary_names_every_count_a_person_asks_for() -> None:
    text = "\n".join(REPORT.lines())
    for words in (
        "succeeded in 10.0 s (50 customers a second)",
        "planned               500",
        "left out               34",
        "analysed              411",
        "without consent        74",
        "without feedback       15",
        "High risk 31, Medium risk 89, Low risk 380",
        "310 chosen by the model, 90 from the catalogue, 100 without an offer",
        "audit events         6123   sealed up to 6123, gaps 0",
    ):
        assert words in text


def test_an_empty_run_is_reported_without_an_error() -> None:
    lines = RunReport("run-2", "partial", 0.0, {}).lines()
    assert lines[0].startswith("Run run-2 finished in part")


def test_the_closing_lines_follow_the_ports_in_use() -> None:
    text = "\n".join(what_next(load_settings({"LOCALSTACK_PORT": "5566", "DASHBOARD_PORT": "9501"})))
    assert "export AWS_ENDPOINT_URL=http://localhost:5566" in text
    assert "export AWS_DEFAULT_REGION=us-east-1" in text
    assert "http://localhost:9501" in text


def test_it_is_said_when_feedback_leaves_the_machine_and_the_key_is_not_said() -> None:
    assert "nothing leaves it" in endpoint_line(endpoint_of(load_settings({}).provider))
    line = endpoint_line(endpoint_of(load_settings({"GROQ_API_KEY": "gsk_secret"}).provider))
    assert "is sent there" in line
    assert "gsk_secret" not in line


def test_only_our_own_rules_on_this_machine_are_said_to_send_nothing() -> None:
    near = load_settings({"LLM_BASE_URL": "http://localhost:11434", "LLM_MODEL": "qwen3"}).provider
    assert "on this machine, at http://localhost:11434/v1 (pseudonymised feedback is sent there)" in endpoint_line(
        endpoint_of(near)
    )
    misnamed = ModelProvider("local", "https://10.0.0.5:4570", "vigie-local-rules", "k")
    assert misnamed.leaves_machine
    assert "nothing leaves it" not in endpoint_line(endpoint_of(misnamed))


def test_the_summary_says_why_calls_had_no_answer() -> None:
    line = "  unanswered calls       14   Tls: give the authority's certificate"
    assert line in replace(REPORT, notes=(line,)).lines()


def test_a_run_without_customers_says_why_and_what_to_do() -> None:
    empty = RunReport(run_id="run-2", status="succeeded", seconds=1.0, customers={"planned": 0}, left_out=10_000)
    assert "declare\n[consents] in the contract and load again" in "\n".join(empty.lines())
    unknown = RunReport(run_id="run-3", status="succeeded", seconds=1.0, customers={"planned": 0})
    assert "make load" in unknown.lines()[-1]
    assert "No customer" not in "\n".join(REPORT.lines())


def test_losses_are_lines_with_their_reasons_and_what_was_made_without_them() -> None:
    report = RunReport(
        run_id="run-4", status="partial", seconds=10.0,
        customers={
            "planned": 466, "analysed": 124, "without_consent": 78, "without_feedback": 52, "analysis_failed": 212,
            "predicted": 465, "prediction_withdrawn": 1, "prediction_failed": 0, "actions": 465, "action_withdrawn": 1,
            "action_failed": 0, "failed": 0, "without_lost_analysis": 212,
        },
        action_sources={"catalogue": 9, "none": 456}, catalogue_reasons={"ModelUnavailable": 9},
        segments={"High": 22, "Medium": 100, "Low": 343}, without_lost={"High": 8, "Medium": 54, "Low": 150},
        reasons={
            "analyse": {"ModelRefused": 200, "EgressBlocked": 12, "NoConsent": 78, "NoFeedback": 52},
            "predict": {"ConsentWithdrawn": 1}, "decide": {"ConsentWithdrawn": 1},
        },
    )  # fmt: skip
    text = "\n".join(report.lines())
    for words in (
        "Run run-4 finished in part",
        "analysis lost         212   200 refused by the model provider, 12 kept from leaving by the egress guard",
        "of these              212   made without an analysis that was lost: High risk 8, Medium risk 54, Low risk 150",
        "9 from the catalogue (9 for want of an answer from the model provider), 456 without an offer",
        "not predicted           1   1 whose consent was withdrawn during the run",
        "make redrive RUN=run-4",
    ):
        assert words in text


def test_what_the_guard_blocked_is_not_promised_to_a_redrive() -> None:
    blocked = {"planned": 1, "analysis_failed": 1, "predicted": 1, "actions": 1, "failed": 0}
    report = RunReport("run-5", "partial", 1.0, blocked, reasons={"analyse": {"EgressBlocked": 1}})
    assert "make redrive" not in "\n".join(report.lines())
