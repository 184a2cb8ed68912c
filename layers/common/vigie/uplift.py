"""Uplift: in which segments an offer moves more customers, where the numbers carry the question.

One effect for each segment, drawn towards the effect common to all by how much they differ beyond chance (DerSimonian
and Laird, Controlled Clinical Trials 7, 1986): a table with an entry for each segment, readable like the model's own.
It is shown only if it foretells customers whom it has not seen better than the common effect does: each customer is
left out in turn, and the squared error at the transformed outcome (Athey and Imbens, PNAS 113, 2016)

    y* = (z - e) / (e (1 - e)) · (y - m)

has to fall by more than one standard error. z: treated; e: share treated; m = (1 - e) · mean of the treated + e · mean
of the held-out, so that y* has the segment's effect as its mean, and little variance. Customers of a segment, an arm
and an outcome are alike here: counts suffice, and no customer's row is needed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vigie.lift import Arm, Stratum

# Who stayed and who left, each, in each arm of a segment that is read; and by how many standard errors the gain counts.
LEAST, ERRORS = 10, 1.645


@dataclass(frozen=True)
class Uplift:
    """Effect by segment, and by how much it foretells better than one effect for all: `gain`, with its `error`."""

    effects: Mapping[str, float]
    common: float
    gain: float
    error: float

    @property
    def is_carried(self) -> bool:
        """Whether the numbers carry an effect for each segment."""
        return self.gain > ERRORS * self.error


def measure_uplift(strata: Sequence[Stratum]) -> Uplift | None:
    """The segments' effects; None with fewer than two segments that can be read."""
    read = [s for s in strata if min(_rarest(s.treated), _rarest(s.held_out)) >= LEAST]
    if len(read) < 2:
        return None
    effects, common = _fit(read)
    gains = [gain for place in range(len(read)) for gain in _gains(read, place)]
    known = sum(count for _, count in gains)
    mean = sum(gain * count for gain, count in gains) / known
    variance = sum(count * (gain - mean) ** 2 for gain, count in gains) / known
    return Uplift(effects, common, mean, math.sqrt(variance / known))


def _rarest(arm: Arm) -> int:
    return min(arm.stayed, arm.known - arm.stayed)


def _gains(read: Sequence[Stratum], place: int) -> list[tuple[float, int]]:
    """By how much the error falls for each kind of customer of a segment, who is left out, and how many they are."""
    stratum, found = read[place], []
    for treated in (True, False):
        arm = stratum.treated if treated else stratum.held_out
        for stayed, count in ((True, arm.stayed), (False, arm.known - arm.stayed)):
            if not count:
                continue
            without = _leave_out(stratum, treated, stayed)
            effects, common = _fit([*read[:place], without, *read[place + 1 :]])
            seen = _transformed(without, treated, stayed)
            found.append(((seen - common) ** 2 - (seen - effects[stratum.name]) ** 2, count))
    return found


def _fit(read: Sequence[Stratum]) -> tuple[dict[str, float], float]:
    precision = [1 / s.variance for s in read]
    common = sum(p * s.difference for p, s in zip(precision, read, strict=True)) / sum(precision)
    excess = sum(p * (s.difference - common) ** 2 for p, s in zip(precision, read, strict=True)) - (len(read) - 1)
    scale = sum(precision) - sum(p * p for p in precision) / sum(precision)
    between = max(excess / scale, 0.0)
    return {s.name: common + between / (between + s.variance) * (s.difference - common) for s in read}, common


def _leave_out(stratum: Stratum, treated: bool, stayed: bool) -> Stratum:
    arm = stratum.treated if treated else stratum.held_out
    rest = Arm(arm.known - 1, arm.stayed - stayed)
    return replace(stratum, treated=rest) if treated else replace(stratum, held_out=rest)


def _transformed(stratum: Stratum, treated: bool, stayed: bool) -> float:
    share = stratum.treated.known / (stratum.treated.known + stratum.held_out.known)
    middle = (1 - share) * stratum.treated.share + share * stratum.held_out.share
    return (treated - share) / (share * (1 - share)) * (stayed - middle)
