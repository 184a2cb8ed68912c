"""A run's accounts: what every planned customer came to, step by step, in counts that add up to the plan."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vigie.errors import CountsDifferError

# Every end of a step is in one of the step's counts, so that each of these sums is the number of planned customers.
SUMS = {
    "analyse": ("analysed", "without_consent", "without_feedback", "analysis_failed"),
    "predict": ("predicted", "prediction_withdrawn", "prediction_failed"),
    "decide": ("actions", "action_withdrawn", "action_failed"),
}
WANT_OF_CONSENT = ("NoConsent", "ConsentWithdrawn")


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many customers ended a step in this way."""

    step: str
    outcome: str
    reason: str | None
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


def count_reasons(ends: Iterable[StepCount]) -> dict[str, dict[str, int]]:
    """Per step, how many customers ended it without a result, by reason."""
    reasons: dict[str, Counter[str]] = {step: Counter() for step in SUMS}
    for end in ends:
        if end.reason:
            reasons[end.step][end.reason] += end.customers
    return {step: dict(sorted(found.items())) for step, found in reasons.items()}


def status_of(counts: Mapping[str, int], most_lost_analyses: float) -> str:
    """`succeeded`, or `partial` where customers failed or too many analyses were lost, or `failed` for all of them."""
    if counts["failed"] and not counts["predicted"]:
        return "failed"
    return "partial" if counts["failed"] or share_lost(counts) > most_lost_analyses else "succeeded"


def share_lost(counts: Mapping[str, int]) -> float:
    """The share of the analyses to be made, for want of neither consent nor feedback, that was lost."""
    wanted = counts["analysed"] + counts["analysis_failed"]
    return counts["analysis_failed"] / wanted if wanted else 0.0


def _name_of(end: StepCount) -> str:
    done, *others = SUMS[end.step]
    if end.outcome == "done":
        return done
    if end.step == "analyse":
        if end.reason == "NoFeedback":
            return "without_feedback"
        return "without_consent" if end.reason in WANT_OF_CONSENT else "analysis_failed"
    withdrawn, failed = others
    return withdrawn if end.outcome == "withdrawn" else failed
