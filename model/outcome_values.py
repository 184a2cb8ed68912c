"""The outcomes that a label column holds: grouped by spelling, counted, and settled by the person who knows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from model.cells import NO, YES, fold, is_gap
from model.column_profile import Profile
from model.contract import DraftError

SHOWN, FEW = 12, 5
EMPTY: frozenset[str] = frozenset()


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
    """Sort the outcomes by what was said of them; DraftError asks for what only the person can say."""
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
        raise DraftError(column.name, [_ask(column, outcomes, open_ones, sorted_out)])
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
    holds = f"{column.name}, which holds {_list(outcomes) if outcomes else 'empty cells only'}"
    if not positive:
        raise DraftError(column.name, [f"POSITIVE: is empty; name the value of those who left in {holds}"])
    if not left:
        raise DraftError(column.name, [f"POSITIVE: {', '.join(map(repr, positive))} never occurs in {holds}"])
    if rest := [value for value in unused if value]:
        raise DraftError(column.name, [f"{_said_as(rest[0], positive)}: {rest[0]!r} never occurs in {holds}"])


def _ask(
    column: Profile, outcomes: Sequence[Outcome], open_ones: Sequence[Outcome], said: Sequence[Sequence[Outcome]]
) -> str:
    if len(outcomes) == 1:
        return f"LABEL: {column.name} holds {outcomes[0].name!r} only; who stayed is needed too{_blank_hint(column)}"
    if len(outcomes) > SHOWN:
        return (f"LABEL: {column.name} holds {len(outcomes):,} different values, and an outcome has few: "
                f"{_list(outcomes)}; name another column")  # fmt: skip
    lines = [
        f"LABEL: {column.name} holds {len(outcomes)} outcomes, and only you know what they mean: {_list(outcomes)}."
    ]
    lines += [f"Line {o.line} repeats the header; remove it." for o in open_ones if _is_header(o, column)]
    if rest := [o.name for o in open_ones if not _is_header(o, column)]:
        left, stayed, waits = _suggest(rest, *([o.name for o in group] for group in said[:2]))
        lines.append(f'Say who stayed and whose outcome is not known: NEGATIVE="{",".join(stayed)}"')
        lines[-1] += f' UNKNOWN="{",".join(waits)}"' if waits else ""
        lines[-1] += f' POSITIVE="{",".join(left)}"' if len(left) > len(said[0]) else ""
        lines[-1] += ", for example; remove rows that are no customers" if len(rest) > 1 else ""
    elif not said[1]:
        lines.append("POSITIVE names all of them; name those who left only.")
    return " ".join(lines)


def _suggest(rest: Sequence[str], left: Sequence[str], stayed: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Who left, who stayed, whose outcome waits: other words for yes and for no mean what the named ones mean."""
    yes, no = (
        (YES, NO) if {fold(v) for v in left} <= YES else (NO, YES) if {fold(v) for v in left} <= NO else (EMPTY,) * 2
    )
    more_left, more_stayed = ([r for r in rest if fold(r) in words] for words in (yes, no))
    if not stayed and not more_stayed:
        more_stayed = [r for r in rest if r not in more_left and not is_gap(r)][:1]
    waits = [r for r in rest if r not in more_left and r not in more_stayed]
    return [*left, *more_left], [*stayed, *more_stayed], waits


def _said_as(value: str, positive: Sequence[str]) -> str:
    return "POSITIVE" if value in {fold(p) for p in positive} else "NEGATIVE or UNKNOWN"


def _blank_hint(column: Profile) -> str:
    blank = sum(n for v, n in zip(column.values, column.counts(), strict=True) if not v)
    if not blank:
        return ""
    return f". If its {blank:,} empty cells mean that they stayed, write so into them (No, say)"


def _is_doubtful(outcome: Outcome, column: Profile) -> bool:
    """Whether an outcome may not mean that the customer stayed."""
    return is_gap(outcome.name) or _is_header(outcome, column)


def _is_header(outcome: Outcome, column: Profile) -> bool:
    return fold(outcome.name) == fold(column.name)


def _list(outcomes: Sequence[Outcome]) -> str:
    shown = outcomes if len(outcomes) <= SHOWN else outcomes[:FEW]
    more = f" and {len(outcomes) - FEW:,} more" if len(outcomes) > SHOWN else ""
    return ", ".join(map(str, shown)) + more
