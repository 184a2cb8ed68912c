"""A run's accounts: how every planned customer ended each step, in counts that add up to the plan."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vigie.errors import CountsDifferError
from vigie.vocabulary import WANT_OF_CONSENT, Reason, RunStatus, Step, StepOutcome

# Every end of a step is in one of the step's counts, so that each of these sums is the number of planned customers.
SUMS = {
    Step.ANALYSE: ("analysed", "without_consent", "without_feedback", "analysis_failed"),
    Step.PREDICT: ("predicted", "prediction_withdrawn", "prediction_failed"),
    Step.DECIDE: ("actions", "action_withdrawn", "action_failed"),
}


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many customers ended a step in this way."""

    step: Step
    outcome: StepOutcome
    reason: Reason | None
    customers: int


def count_customers(planned: int, ends: Iterable[StepCount], failed: int, without_lost_analysis: int) -> dict[str, int]:
    """The counts that the execution's output states.

    Raises:
        CountsDifferError: the ends of a step do not add up to the plan.
    """
    counts = dict.fromkeys((name for names in SUMS.values() for name in names), 0)
    for end in ends:
        counts[_name_of(end)] += end.customers
    counts = {"planned": planned} | counts | {"failed": failed, "without_lost_analysis": without_lost_analysis}
    require_sums(counts)
    return counts


def require_sums(counts: Mapping[str, int]) -> None:
    """Raise CountsDifferError, which names step, counts and sum, unless every step's counts add up to the plan."""
    for step, names in SUMS.items():
        total = sum(counts[name] for name in names)
        if total != counts["planned"]:
            added = " + ".join(f"{name} {counts[name]}" for name in names)
            raise CountsDifferError(
                f"step {step}: {added} = {total}, but {counts['planned']} customers were planned. Look for rows of"
                " run_customers or run_steps that were added or deleted by hand; the run stays open."
            )


def count_reasons(ends: Iterable[StepCount]) -> dict[Step, dict[Reason, int]]:
    """Per step, how many customers ended it without a result, by reason."""
    reasons: dict[Step, Counter[Reason]] = {step: Counter() for step in SUMS}
    for end in ends:
        if end.reason:
            reasons[end.step][end.reason] += end.customers
    return {step: dict(sorted(found.items())) for step, found in reasons.items()}


def status_of(counts: Mapping[str, int], most_lost_analyses: float) -> RunStatus:
    """Judge a run: partial where customers failed or too many analyses were lost, failed where all of them failed."""
    if counts["failed"] and not counts["predicted"]:
        return RunStatus.FAILED
    has_losses = counts["failed"] or share_lost(counts) > most_lost_analyses
    return RunStatus.PARTIAL if has_losses else RunStatus.SUCCEEDED


def share_lost(counts: Mapping[str, int]) -> float:
    """The share of the analyses to be made, for want of neither consent nor feedback, that was lost."""
    wanted = counts["analysed"] + counts["analysis_failed"]
    return counts["analysis_failed"] / wanted if wanted else 0.0


def _name_of(end: StepCount) -> str:
    done, *others = SUMS[end.step]
    if end.outcome is StepOutcome.DONE:
        return done
    if end.step is Step.ANALYSE:
        if end.reason is Reason.NO_FEEDBACK:
            return "without_feedback"
        return "without_consent" if end.reason in WANT_OF_CONSENT else "analysis_failed"
    withdrawn, failed = others
    return withdrawn if end.outcome is StepOutcome.WITHDRAWN else failed
