"""The one reader of CSV files: every command that takes a file reads it here, strictly and row by row."""

import codecs
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from model.csv_rows import NUMBER, RowError, RowSplitter
from model.other_kinds import find_kind, is_binary
from model.row_faults import MOST_FAULTS, DataError, Fault

SEPARATORS = ",;\t|"
SAMPLED_LINES, CHUNK, BEGINNING = 50, 1 << 20, 1024
EXPORT = "export it as CSV UTF-8 (in Excel: Save as, CSV UTF-8) and give that file"
# Words by which spreadsheets name the sum of a column, in the languages of the draft.
TOTALS = {"total", "totals", "grand total", "sum", "total général", "somme", "gesamt", "summe", "gesamtsumme",
          "totale", "somma", "suma", "soma", "total geral", "totaal", "som", "subtotal"}  # fmt: skip


class Row(NamedTuple):
    """The cells of one row, by position, and the line of the file on which it begins."""

    line: int
    cells: list[str]


@dataclass
class CsvFile:
    """An opened file: its header (trimmed, in composed Unicode), separator and SHA-256.

    `rows` reads it as often as asked. A column without a name has the name "".
    """

    path: Path
    header: tuple[str, ...]
    separator: str
    encoding: str
    sha256: str
    skipped: int = 0  # lines before the header
    blank_lines: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.name

    def rows(self, faults: list[Fault]) -> Iterator[Row]:
        """Yield every sound row; what is wrong with the others is added to `faults`."""
        splitter = RowSplitter(self.separator, len(self.header))
        last: Row | None = None
        for line, found in islice(splitter.split(self._lines()), 1, None):
            if len(faults) >= MOST_FAULTS:
                return
            if row := self._check(line + self.skipped, found, faults):
                last = row
                yield row
        self.blank_lines = splitter.blank_lines
        if last and _fold(next(filter(str.strip, last.cells))) in TOTALS:
            faults.append(Fault(self.name, last.line, "(all)", _shown(last.cells, self.separator), REMOVE_TOTALS))

    def _check(self, line: int, found: list[str] | RowError, faults: list[Fault]) -> Row | None:
        if isinstance(found, RowError):
            column = self.header[min(found.position, len(self.header) - 1)]
            faults.append(Fault(self.name, line, column, found.found[:80], found.remedy))
            return None
        if remedy := self._shape_fault(found):
            faults.append(Fault(self.name, line, "(all)", _shown(found, self.separator), remedy))
            return None
        return Row(line, found)

    def _shape_fault(self, cells: list[str]) -> str:
        width = len(self.header)
        if len(cells) != width:
            counted = f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'}"
            return f"has {counted} where the header has {width}; {_why_uneven(cells, width, self.separator)}"
        if _is_rule(cells):
            return "is a line drawn under the header; remove it"
        if cells[0].strip() in self.header and sum(map(_same, cells, self.header)) > width / 2:
            return "repeats the header; remove the line"
        return ""

    def _lines(self) -> Iterator[str]:
        with self.path.open("rb") as raw, TextIOWrapper(raw, encoding=self.encoding, newline="") as stream:
            yield from islice(stream, self.skipped, None)


RULE = re.compile(r"[:+]?[-=]{3,}[:+]?")
REMOVE_TOTALS = "looks like a row of totals, not a customer; remove it"


def open_csv(path: Path) -> CsvFile:
    """Look at the bytes and the header; raises DataError for what is no CSV in UTF-8 (or UTF-16 with its mark)."""
    try:
        _check_place(path)
        encoding, digest = _check_bytes(path)
    except OSError as exc:
        raise _error(path, 0, f"cannot be read: {exc.strerror}") from exc
    with path.open(encoding=encoding, newline="") as stream:
        sample = list(islice(stream, SAMPLED_LINES))
    declared = re.match(r'"?sep=(.)"?\s*$', sample[0]) if sample else None
    skipped = 1 if declared else 0
    separator = declared[1] if declared else _find_separator(sample)
    header = _read_header(path, sample[skipped:], separator)
    return CsvFile(path, header, separator, encoding, digest, skipped)


def _check_place(path: Path) -> None:
    """Raise DataError for what is there and no file (reading a pipe would wait for ever), or is not there."""
    if path.is_dir():
        raise _error(path, 0, "is a folder; name one CSV file in it")
    if path.is_symlink() and not path.exists():
        raise _error(path, 0, f"is a link to what is not there: {path}")
    if path.exists() and not path.is_file():
        raise _error(path, 0, "is no regular file (a pipe or a device); save it as a CSV file first")
    if not path.exists():
        raise _error(path, 0, f"no such file: {path}")


def normal(name: str) -> str:
    """A column's name as the reader gives it: trimmed, in composed Unicode (NFC)."""
    return unicodedata.normalize("NFC", name).strip().strip("\ufeff")


def _read_header(path: Path, lines: Iterable[str], separator: str) -> tuple[str, ...]:
    found = next(RowSplitter(separator).split(lines), None)
    if found is None:
        raise _error(path, 0, "is empty; the first line names the columns")
    if isinstance(found[1], RowError):
        raise _error(path, found[0], f"the header {found[1].remedy}")
    header = tuple(map(normal, found[1]))
    if again := sorted({c for c in header if c and header.count(c) > 1}):
        remedy = "stands in the header twice; rename or remove one"
        if all(map(NUMBER.fullmatch, again)):
            remedy = (
                "stands in the header twice, as a value would; the first line must name the columns: is it missing?"
            )
        raise DataError([Fault(path.name, 1, c, "", remedy) for c in again])
    return header


def _check_bytes(path: Path) -> tuple[str, str]:
    """The file's encoding and SHA-256, read in one go through its bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        start = stream.read(BEGINNING)
        encoding = _find_encoding(path, start)
        stream.seek(0)
        decoder, before = codecs.getincrementaldecoder(encoding)(), 0
        while True:
            chunk = stream.read(CHUNK)
            digest.update(chunk)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as exc:
                raise _undecodable(path, encoding, before + _line_ends(exc.object[: exc.start]), start) from exc
            before += _line_ends(chunk)
            if not chunk:
                return encoding, digest.hexdigest()


def _find_encoding(path: Path, start: bytes) -> str:
    if kind := find_kind(start):
        packed = "unpack it and give the CSV file that is in it"
        raise _error(path, 0, f"{kind}, not CSV; {packed if 'compressed' in kind else EXPORT}")
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start[1:2] == b"\0" or start[:1] == b"\0":
        raise _error(path, 1, f"holds NUL bytes, as UTF-16 without its mark and binary files do; {EXPORT}")
    return "utf-8-sig"


def _undecodable(path: Path, encoding: str, line_ends: int, start: bytes) -> DataError:
    if encoding != "utf-8-sig":
        return _error(path, line_ends + 1, f"is not whole {encoding.upper()}; {EXPORT}")
    if is_binary(start):
        return _error(path, 0, f"is no text, so no CSV; {EXPORT}")
    guess = "it may be Windows-1252, which Excel writes as plain CSV"
    return _error(path, line_ends + 1, f"is not UTF-8 ({guess}); {EXPORT}")


def _line_ends(raw: bytes) -> int:
    return raw.count(b"\n") or raw.count(b"\r")


def _find_separator(sample: list[str]) -> str:
    """The separator that gives most of the first lines as many cells as the header, at least two."""
    lines = [re.sub(r'"[^"]*"', "", line) for line in sample if line.strip()]

    def fit(separator: str) -> tuple[bool, int, bool, int]:
        width = lines[0].count(separator)
        # Commas stand in numbers and in names too: the others count first.
        return width > 0, sum(line.count(separator) == width for line in lines), separator != ",", width

    return max(SEPARATORS, key=fit) if lines else ","


def _why_uneven(cells: list[str], width: int, separator: str) -> str:
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        return f"it ends with {separator!r} too often; remove what follows the last cell"
    if len(cells) > width:
        shown = {",": '1,234 as "1,234"', "\t": "a tab in quotes"}.get(separator, f'a{separator}b as "a{separator}b"')
        return f"a value that holds the separator stands in quotes: write {shown}"
    if len(cells) == 1:
        for other in SEPARATORS.replace(separator, ""):
            if cells[0].count(other) == width - 1:
                return f"its cells stand apart by {other!r}, those of the header by {separator!r}; write one of them"
        return "if it is a note and no row, remove it; else complete it"
    return "a cell or the end of the row is missing; complete it"


def _is_rule(cells: list[str]) -> bool:
    """Whether a line only parts the header from the rows, as in Markdown: |---|:--|."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return len(filled) > 1 and all(map(RULE.fullmatch, filled))


def _shown(cells: list[str], separator: str) -> str:
    return separator.join(cells)[:80]


def _same(cell: str, name: str) -> bool:
    return bool(name) and normal(cell) == name


def _fold(text: str) -> str:
    return " ".join(text.casefold().strip(" :").split())


def _error(path: Path, line: int, remedy: str) -> DataError:
    return DataError([Fault(path.name, line, "(all)", "", remedy)])
