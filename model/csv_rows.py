"""Split the lines of a CSV file into rows, strictly: a quote that is not closed swallows nothing."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

# A cell with line breaks (a message, an address) stays far below this; an open quote does not.
LONGEST_CELL_LINES, LONGEST_CELL = 2_000, 2_000_000
NUMBER = re.compile(r"[+-]?[\d.,' ]*\d%?")
UNSEEN = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
WHERE_QUOTES_GO = 'quotes stand around a whole cell only, and a quote inside is written twice: "say ""yes"""'


class RowError(ValueError):
    """When a line is not CSV; names its line, the cell's position, what was found and the remedy."""

    def __init__(self, line: int, position: int, found: str, remedy: str, final: bool = False) -> None:
        super().__init__(remedy)
        self.line, self.position, self.found, self.remedy, self.final = line, position, found, remedy, final


@dataclass
class RowSplitter:
    """Yield (line, cells or RowError) of numbered lines; `width` is the header's number of cells.

    A row is given the number of its first line. Lines without any text are skipped and counted.
    """

    separator: str
    width: int = 0
    blank_lines: int = field(default=0, init=False)
    _likeness: list[str] = field(default_factory=list, init=False)
    _past_header: bool = field(default=False, init=False)

    def split(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str] | RowError]]:
        """Go through the lines; after a RowError that is `final`, nothing follows."""
        numbered = enumerate(map(_tidy, lines), start=1)
        for number, line in numbered:
            if "\0" in line:
                yield number, self._refuse_nul(number, line)
            elif '"' in line:
                found = self._split_quoted(number, line, numbered)
                if isinstance(found, list) and not any(map(str.strip, found)):
                    self.blank_lines += 1
                    continue
                yield number, found
                if isinstance(found, RowError) and found.final:
                    return
            elif cells := self._split_plain(line):
                yield number, cells

    def _refuse_nul(self, number: int, line: str) -> RowError:
        cells = line.split(self.separator)
        position = min(next(i for i, cell in enumerate(cells) if "\0" in cell), max(self.width - 1, 0))
        return RowError(number, position, cells[position], "holds a NUL character; remove it")

    def _split_plain(self, line: str) -> list[str]:
        cells = line.split(self.separator)
        if not any(map(str.strip, cells)):
            self.blank_lines += 1
            return []
        if len(cells) == self.width and self._past_header:
            self._likeness = cells
        self._past_header = True
        return cells

    def _split_quoted(self, number: int, line: str, following: Iterator[tuple[int, str]]) -> list[str] | RowError:
        text, quotes, size, begun = [line], line.count('"'), 0, line
        while quotes % 2:
            last, line = next(following, (0, ""))
            if not last:
                return self._unclosed(number, begun, "and is never closed")
            if self._is_row(line, begun):
                return self._unclosed(number, begun, f"and line {last} looks like a row of its own")
            text.append(line)
            size += len(line)
            if len(text) > LONGEST_CELL_LINES or size > LONGEST_CELL:
                return self._unclosed(number, begun, f"nor in the {len(text):,} lines after it")
            quotes += line.count('"')
        if hurt := next((line for line in text if "\0" in line), None):
            return self._refuse_nul(number, hurt)
        return self._cells_of(number, "\n".join(text))

    def _cells_of(self, number: int, row: str) -> list[str] | RowError:
        cells: list[str] = []
        place = 0
        pattern = _cell_pattern(self.separator)
        while True:
            found = pattern.match(row, place)
            if not found:
                position = len(cells)
                shown = row[place:].split(self.separator)[0]
                return RowError(number, position, shown, f"has a quote where none may stand; {WHERE_QUOTES_GO}")
            quoted, plain = found["quoted"], found["plain"]
            cells.append(plain if quoted is None else quoted.replace('""', '"'))
            place = found.end()
            if not found["end"]:
                return cells

    def _unclosed(self, number: int, line: str, what: str) -> RowError:
        before = line[: line.rindex('"')]
        position = before.count(self.separator)
        found = line.split(self.separator)[position]
        remedy = f"opens a quote in line {number} that is not closed there, {what}; remove the quote, or close it"
        return RowError(number, position, found, remedy, final=True)

    def _is_row(self, line: str, begun: str) -> bool:
        """Whether a line inside a quoted cell has the header's number of cells, alike those of sound rows."""
        cells = line.split(self.separator)
        if self.width < 2 or len(cells) != self.width or any(c.startswith(" ") for c in cells[1:]):
            return False  # in prose, a comma is followed by a space
        likeness = self._likeness or begun.split(self.separator)
        if len(likeness) != self.width:
            return False
        pairs = zip(cells, likeness, strict=True)
        alike = sum(not a or not b or _kind(a) == _kind(b) for a, b in pairs)
        return alike * 4 >= self.width * 3


def _tidy(line: str) -> str:
    line = line.rstrip("\r\n")
    # Invisible characters (zero width, direction marks) would make two words of one.
    return line if line.isascii() else unicodedata.normalize("NFC", line).translate(UNSEEN)


def _kind(cell: str) -> str:
    if NUMBER.fullmatch(cell.strip('" ')):
        return "number"
    return "code" if any(map(str.isdigit, cell)) else "word"


@cache
def _cell_pattern(separator: str) -> re.Pattern[str]:
    apart = re.escape(separator)
    return re.compile(rf'(?: *"(?P<quoted>[^"]*(?:""[^"]*)*)" *|(?P<plain>[^"{apart}]*))(?P<end>{apart}|\Z)')
