"""Runs: what each run set out to do, what it was pinned to, and whether its accounts add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import markup, queries
from dashboard.accounting import StepAccount, account_for, feature_labels
from dashboard.markup import Html
from dashboard.view import View, choose_run, current_view, read_cached, show, show_title
from vigie.vocabulary import RunStatus, Segment, Step, StepOutcome

STATUS_TONES = {
    RunStatus.RUNNING: "brand",
    RunStatus.SUCCEEDED: "low",
    RunStatus.PARTIAL: "medium",
    RunStatus.FAILED: "high",
}
LEVELS = {"ok": "low", "warning": "medium", "alarm": "high"}
RATES = {"high_rate", "medium_or_high_rate", "missed_rate", "false_alarm_rate"}
Row = dict[str, Any]


def runs_table(view: View) -> Html:
    """All runs."""
    words, formats = view.words, view.formats
    rows = [
        [
            view.link("runs", run["run_id"], run=run["run_id"]),
            formats.moment(run["planned_at"]),
            markup.pill(words.name_of("run_status", run["status"]), STATUS_TONES[run["status"]]),
            formats.number(run["planned"]),
            formats.duration(_seconds(run)),
            run["model_version"],
        ]
        for run in read_cached(view, queries.list_runs)
    ]
    heads = [
        words("app.run"),
        *(words(f"runs.{key}") for key in ("started", "status", "customers", "duration", "model")),
    ]
    return markup.table(words("runs.caption"), heads, rows, right=[3, 4])


def _seconds(run: Row) -> float | None:
    return (run["finished_at"] - run["planned_at"]).total_seconds() if run["finished_at"] else None


def accounts_panel(view: View, run: Row) -> Html:
    """The accounting of every step."""
    words = view.words
    accounts = account_for(queries.count_steps(view.db, run["run_id"]))
    rows = [_account(view, step, accounts[step], run["planned"]) for step in Step]
    heads = [words(f"runs.{key}") for key in ("step", *StepOutcome, "sum", "span", "reasons")]
    body = markup.table(words("runs.accounts"), heads, rows, right=range(1, 7))
    return markup.panel(words("runs.accounts"), body, note=words("runs.accounts_note"))


def _account(view: View, step: str, account: StepAccount, planned: int) -> list[object]:
    words, formats = view.words, view.formats
    left = planned - account.ended
    check = markup.pill(words("runs.open", n=formats.number(left)), "medium")
    if left == 0:
        check = markup.pill(words("runs.adds_up"), "low")
    total = markup.join((f"{formats.number(account.ended)} / {formats.number(planned)}", check), " ")
    reasons = ", ".join(
        f"{words.name_of('reason', reason)} × {formats.number(count)}"
        for reason, count in account.reasons.most_common()
    )
    counts = [formats.number(account.outcomes[outcome]) for outcome in StepOutcome]
    return [words(f"step.{step}"), *counts, total, formats.duration(account.seconds), reasons or "–"]


def losses_panel(view: View, run: Row) -> Html | None:
    """What was made without analyses that were lost, and what takes it up again; None where there is nothing to say."""
    words, formats = view.words, view.formats
    marked = queries.count_without_lost_analysis(view.db, run["run_id"])
    waiting = queries.count_to_take_up(view.db, run["run_id"])
    again = queries.list_redrives(view.db, run["run_id"])
    if not (marked or waiting or again):
        return None
    named = [f"{words(f'segment.{name}')} {formats.number(marked[name])}" for name in Segment if name in marked]
    facts = [
        (words("runs.without_analysis"), ", ".join(named) or "–"),
        (words("runs.limit"), formats.percent(run["most_lost_analyses"])),
        (words("runs.to_take_up"), formats.number(waiting)),
        (words("runs.taken_up_by"), markup.join([view.link("runs", one, run=one) for one in again], ", ") or "–"),
    ]
    note = markup.prose(words("runs.losses_note"))
    return markup.panel(words("runs.losses"), markup.facts(facts), note=note)


def pinned_panel(view: View, run: Row) -> Html:
    """What was fixed when the run was planned."""
    words, formats = view.words, view.formats
    thresholds = ", ".join(f"{name} ≥ {formats.percent(float(limit))}" for name, limit in run["thresholds"].items())
    prompts = ", ".join(str(version) for version in run["prompt_versions"].values())
    batches = words("runs.batches_of", n=formats.number(run["batches"]), size=formats.number(run["batch_size"]))
    facts = [
        (words("runs.model"), view.link("model", run["model_version"], version=run["model_version"])),
        (words("runs.scorer"), markup.tag("code", run["scorer_sha256"])),
        (words("runs.contract"), run["contract"]),
        *_endpoint(view, run),
        (words("runs.prompts"), prompts),
        (words("story.source"), words.name_of("wording", run["wording"])),
        (words("runs.thresholds"), thresholds),
        (words("runs.batches"), batches),
        (words("runs.duration"), formats.duration(_seconds(run))),
    ]
    see = view.link("audit", words("runs.see_audit"), run=run["run_id"])
    return markup.panel(words("runs.pinned"), markup.facts(facts), markup.tag("p"), see)


def _endpoint(view: View, run: Row) -> list[tuple[str, object]]:
    """Who the run's calls go to, where, and which model is asked; of runs planned before that was frozen, nothing."""
    words = view.words
    if not run["llm_recipient"]:
        return []
    return [
        (words("runs.recipient"), words.name_of("recipient", run["llm_recipient"])),
        (words("runs.address"), markup.tag("code", run["llm_address"])),
        (words("runs.llm"), run["llm_model"]),
    ]


def drift_panel(view: View, run: Row, measures: list[Row]) -> Html:
    """How far this run's customers are from those the model was trained on."""
    words = view.words
    rows = _measure_rows(view, run, [row for row in measures if row["measure"] not in RATES])
    body = _measure_table(view, "runs.drift", rows) if rows else words("empty.no_drift")
    return markup.panel(words("runs.drift"), body, note=words("runs.drift_note") if rows else "")


def groups_panel(view: View, run: Row, measures: list[Row]) -> Html:
    """How often this run flags the customers of each declared group, and how often it is wrong about them."""
    words = view.words
    rows = _measure_rows(view, run, [row for row in measures if row["measure"] in RATES])
    body = _measure_table(view, "runs.groups", rows) if rows else words("empty.no_groups")
    return markup.panel(words("runs.groups"), body, note=words("runs.groups_note") if rows else "")


def _measure_rows(view: View, run: Row, measures: list[Row]) -> list[list[object]]:
    words, formats = view.words, view.formats
    labels = feature_labels(read_cached(view, queries.contract_of, run["model_version"]), view.language)
    return [
        [
            _subject(view, labels, row["subject"]),
            words.name_of("measure", row["measure"]),
            formats.number(row["value"], 3),
            markup.pill(words(f"level.{row['level']}"), LEVELS[row["level"]]),
        ]
        for row in measures
    ]


def _subject(view: View, labels: Mapping[str, str], subject: str) -> str:
    """A feature's label, a group's as `label: group`, or what the words call it."""
    name, colon, group = subject.partition(": ")
    return f"{labels.get(name, name)}: {group}" if colon else labels.get(name) or view.words.name_of("subject", name)


def _measure_table(view: View, title: str, rows: list[list[object]]) -> Html:
    heads = [view.words(f"runs.{key}") for key in ("subject", "measure", "value", "level")]
    return markup.table(view.words(title), heads, rows, right=[2])


def calls_panel(view: View, run: Row) -> Html:
    """External calls of the run: how many, how they ended, how long they took."""
    words, formats = view.words, view.formats
    rows = [
        [
            words(f"purpose.{row['purpose']}"),
            words.name_of("call", row["outcome"]),
            formats.number(row["calls"]),
            f"{formats.number(row['latency_median'])} / {formats.number(row['latency_p95'])} ms",
        ]
        for row in read_cached(view, queries.summarise_egress, run["run_id"])
    ]
    heads = [words(f"governance.{key}") for key in ("purpose", "outcome", "calls", "latency")]
    body = markup.table(words("runs.calls"), heads, rows, right=[2, 3]) if rows else words("empty.no_egress")
    return markup.panel(words("runs.calls"), body)


def gaps_panel(view: View, run: Row) -> Html:
    """What reconciliation found missing in this run."""
    gaps = queries.list_gaps(view.db, run["run_id"])
    words = view.words
    if not gaps:
        return markup.panel(words("runs.gaps"), words("empty.no_gap" if run["finished_at"] else "empty.not_reconciled"))
    return markup.panel(words("runs.gaps"), gaps_table(view, gaps))


def gaps_table(view: View, gaps: list[Row]) -> Html:
    """Gaps: which customer, which step, which store."""
    words = view.words
    rows = [
        [
            view.link("customer", str(gap["customer_id"])[:8], id=str(gap["customer_id"]), run=gap["run_id"])
            if gap["customer_id"] else "–",
            words.name_of("step", gap["step"]), gap["store"], words.name_of("problem", gap["problem"]),
        ]
        for gap in gaps
    ]  # fmt: skip
    heads = [words("audit.customer"), *(words(f"governance.gap_{key}") for key in ("step", "store", "problem"))]
    return markup.table(words("runs.gaps"), heads, rows)


def letters_panel(view: View, letters: list[Row]) -> Html:
    """Dead letters: their batch and step, the reason, and the run that processed their customers again."""
    words, formats = view.words, view.formats
    rows = [
        [
            formats.moment(letter["died_at"]),
            markup.tag("code", letter["queue"]),
            words.name_of("step", letter["step"]),
            "–" if letter["batch_no"] is None else formats.number(letter["batch_no"]),
            words.name_of("reason", letter["reason"]),
            view.link("runs", letter["redriven_as"], run=letter["redriven_as"]) if letter["redriven_as"] else "–",
        ]
        for letter in letters
    ]
    heads = [words(f"runs.{key}") for key in ("letter_died", "letter_queue", "step", "letter_batch", "letter_reason")]
    body = markup.table(words("runs.letters"), [*heads, words("runs.letter_again")], rows, right=[3])
    return markup.panel(words("runs.letters"), body, note=markup.prose(words("runs.letters_note")))


def main() -> None:
    """Draw the page."""
    view = current_view()
    show_title(view, "runs", view.words("runs.subtitle"))
    with st.columns(2)[0]:
        run = choose_run(view)
    show(runs_table(view))
    show(markup.tag("h2", run["run_id"]))
    show(accounts_panel(view, run))
    if losses := losses_panel(view, run):
        show(losses)
    measures = queries.list_drift(view.db, run["run_id"])
    show(markup.row(pinned_panel(view, run), gaps_panel(view, run)))
    show(markup.row(drift_panel(view, run, measures), groups_panel(view, run, measures)))
    show(calls_panel(view, run))
    letters = queries.list_dead_letters(view.db, run["run_id"])
    if letters:
        show(letters_panel(view, letters))


main()
