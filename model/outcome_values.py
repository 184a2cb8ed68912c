"""The outcomes that a label column holds: grouped by spelling, counted, and settled by the person who knows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from model.cells import fold, is_gap
from model.contract import ContractError
from model.profile import Profile

SHOWN = 12


@dataclass(frozen=True)
class Outcome:
    """One outcome: its spellings, the most frequent first, how often it stands, and its first line."""

    spellings: tuple[tuple[str, int], ...]
    line: int

    @property
    def name(self) -> str:
        """The most frequent spelling."""
        return self.spellings[0][0]

    @property
    def count(self) -> int:
        """In how many rows it stands."""
        return sum(count for _, count in self.spellings)

    def __str__(self) -> str:
        spelled = f" ({', '.join(f'{s} {n:,}' for s, n in self.spellings)})" if len(self.spellings) > 1 else ""
        where = f", first in line {self.line}" if self.count <= 2 else ""
        return f"{self.name!r} in {self.count:,} {'row' if self.count == 1 else 'rows'}{spelled}{where}"


@dataclass(frozen=True)
class Settled:
    """Which outcomes mean that a customer left, stayed, or that it is not known; and the empty cells."""

    left: tuple[Outcome, ...]
    stayed: tuple[Outcome, ...]
    unknown: tuple[Outcome, ...]
    blank: int

    def describe(self) -> Iterator[str]:
        """One sentence for each outcome."""
        meanings = ((self.left, "left"), (self.stayed, "stayed"), (self.unknown, "not known: scored, never trained on"))
        for outcomes, meaning in meanings:
            for outcome in outcomes:
                yield f"{outcome}: {meaning}"
        if self.blank:
            yield f"empty in {self.blank:,} rows: not known, so scored and never trained on"


def group_outcomes(column: Profile) -> tuple[Outcome, ...]:
    """Every outcome but empty cells, the most frequent first; spellings that differ in case only are one."""
    grouped: dict[str, list[tuple[str, int, int]]] = {}
    for value, count, line in zip(column.values, column.counts(), column.lines, strict=True):
        if value:
            grouped.setdefault(fold(value), []).append((value, count, line))
    found = [
        Outcome(tuple(sorted(((v, n) for v, n, _ in group), key=lambda s: -s[1])), min(line for *_, line in group))
        for group in grouped.values()
    ]
    return tuple(sorted(found, key=lambda o: -o.count))


def settle(column: Profile, positive: Sequence[str], negative: Sequence[str], unknown: Sequence[str]) -> Settled:
    """Sort the outcomes by what was said of them; ContractError asks for what only the person can say."""
    outcomes = group_outcomes(column)
    said = {fold(v): kind for kind, vs in enumerate((positive, negative, unknown)) for v in vs}
    sorted_out: list[list[Outcome]] = [[], [], []]
    open_ones = []
    for outcome in outcomes:
        kind = said.pop(fold(outcome.name), None)
        sorted_out[kind].append(outcome) if kind is not None else open_ones.append(outcome)
    _check_said(column, outcomes, said, sorted_out[0], positive)
    if len(open_ones) == 1 and not sorted_out[1] and not _is_doubtful(open_ones[0], column):
        sorted_out[1] = [open_ones.pop()]  # two outcomes: who did not leave, stayed
    if open_ones or not sorted_out[1]:
        raise ContractError(column.name, [_ask(column, outcomes, open_ones, sorted_out)])
    blank = sum(n for v, n in zip(column.values, column.counts(), strict=True) if not v)
    left, stayed, pending = map(tuple, sorted_out)
    return Settled(left, stayed, pending, blank)


def _check_said(
    column: Profile,
    outcomes: Sequence[Outcome],
    unused: Iterable[str],
    left: Sequence[Outcome],
    positive: Sequence[str],
) -> None:
    if not left:
        never = (
            f"POSITIVE: {', '.join(map(repr, positive))} never occurs in {column.name}, which holds {_list(outcomes)}"
        )
        raise ContractError(column.name, [never])
    if rest := [value for value in unused if value]:
        never = f"NEGATIVE or UNKNOWN: {rest[0]!r} never occurs in {column.name}, which holds {_list(outcomes)}"
        raise ContractError(column.name, [never])


def _ask(
    column: Profile, outcomes: Sequence[Outcome], open_ones: Sequence[Outcome], said: Sequence[Sequence[Outcome]]
) -> str:
    if len(outcomes) == 1:
        return f"LABEL: {column.name} holds {outcomes[0].name!r} only; who stayed is needed too"
    if len(outcomes) > SHOWN:
        return (f"LABEL: {column.name} holds {len(outcomes):,} different values, and an outcome has few: "
                f"{_list(outcomes[:5])} …; name another column")  # fmt: skip
    lines = [
        f"LABEL: {column.name} holds {len(outcomes)} outcomes, and only you know what they mean: {_list(outcomes)}."
    ]
    lines += [f"Line {o.line} repeats the header; remove it." for o in open_ones if _is_header(o, column)]
    if rest := [o.name for o in open_ones if not _is_header(o, column)]:
        stays = said[1][0].name if said[1] else rest[0]
        waits = [r for r in rest if r != stays]
        lines.append(f'Say who stayed and whose outcome is not known: NEGATIVE="{stays}"')
        lines[-1] += f' UNKNOWN="{",".join(waits)}", for example; remove rows that are no customers' if waits else ""
    return " ".join(lines)


def _is_doubtful(outcome: Outcome, column: Profile) -> bool:
    """Whether an outcome may not mean that the customer stayed."""
    return is_gap(outcome.name) or _is_header(outcome, column)


def _is_header(outcome: Outcome, column: Profile) -> bool:
    return fold(outcome.name) == fold(column.name)


def _list(outcomes: Sequence[Outcome]) -> str:
    more = f" and {len(outcomes) - SHOWN:,} more" if len(outcomes) > SHOWN else ""
    return ", ".join(map(str, outcomes[:SHOWN])) + more
