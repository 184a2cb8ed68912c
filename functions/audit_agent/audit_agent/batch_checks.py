"""The batches of a run: those that the agents reported as ended, compared with Step Functions' counts."""

from dataclasses import dataclass

from audit_agent.execution_history import BatchCounts
from audit_agent.gaps import Gap
from vigie.vocabulary import WHOLE_RUN, GapName, Step

# Without these two a batch fails; without its analysis it continues.
NEEDED = (Step.PREDICT, Step.DECIDE)


@dataclass(frozen=True, slots=True)
class Batches:
    """How many batches were planned, and (step, number) of those that an agent ended for good."""

    planned: int
    ended: frozenset[tuple[str, int]]

    @property
    def unfinished(self) -> frozenset[int]:
        """The batches that were not ended in a step they need."""
        return frozenset(
            number for number in range(self.planned) if any((step, number) not in self.ended for step in NEEDED)
        )


def gaps_in_batches(batches: Batches, counts: BatchCounts | None) -> tuple[list[Gap], frozenset[int]]:
    """Where Step Functions and the agents disagree, and the batches that failed as both of them say.

    Where single batches are not listed, the unfinished ones are taken for the failed ones when there are as many.
    """
    unfinished = batches.unfinished
    if counts is None:
        return ([_history_gap(GapName.NO_BATCH_STARTED)] if batches.planned else []), frozenset()
    gaps = [_history_gap(GapName.BATCHES_NOT_STARTED)] if counts.total != batches.planned else []
    if counts.succeeded + counts.failed != counts.total:
        gaps.append(_history_gap(GapName.BATCHES_NOT_ENDED))
    failed = counts.failed_batches
    if failed is None:
        failed = unfinished if len(unfinished) == counts.failed else frozenset()
        if len(unfinished) < counts.failed:
            gaps.append(_history_gap(GapName.BATCHES_FAILED_THOUGH_ENDED))
    gaps += [_history_gap(GapName.BATCH_FAILED_THOUGH_ENDED, number) for number in sorted(failed - unfinished)]
    gaps += [
        Gap(WHOLE_RUN, "audit_log", GapName.BATCH_END_NOT_TOLD, batch_no=number)
        for number in sorted(unfinished - failed)
    ]
    return gaps, failed & unfinished


def split_steps(found: list[Gap], batches: Batches, failed: frozenset[int]) -> tuple[list[Gap], list[Gap]]:
    """Split gaps into steps left open because their batch failed, and all others.

    The planner ends the former as failed when it closes the run, so that they are counted and audited. An analysis
    that its agent never ended is among them though its batch went on: that is how a failed analysis ends.
    """
    expected: list[Gap] = []
    gaps: list[Gap] = []
    for gap in found:
        excused = (
            gap.problem == GapName.STEP_NOT_ENDED
            and (gap.step, gap.batch_no) not in batches.ended
            and (gap.step == Step.ANALYSE or gap.batch_no in failed)
        )
        (expected if excused else gaps).append(gap)
    return expected, gaps


def _history_gap(problem: GapName, batch_no: int | None = None) -> Gap:
    return Gap(WHOLE_RUN, "step_functions", problem, batch_no=batch_no)
