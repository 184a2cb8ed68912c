"""Read a data file as its contract describes it, or refuse it with every fault listed."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.contract import ROW_NUMBER, Contract
from model.csv_file import CsvFile, open_csv
from model.row_faults import DataError, Fault
from model.row_reader import Counted, RowReader, Value

__all__ = ["Table", "Value", "describe_rows", "open_table", "read_table"]


@dataclass(frozen=True)
class Table:
    """A checked file: typed feature dicts, ids, dates, labels (0/1), yearly values, and its SHA-256.

    A labelled table holds the rows whose outcome is known; `counted` says how many there were.
    """

    contract: Contract
    ids: tuple[str, ...]
    as_of: tuple[str, ...]
    rows: tuple[dict[str, Value], ...]
    labels: NDArray[np.int64] | None
    annual_values: tuple[float | None, ...]
    sha256: str
    counted: Counted = field(default_factory=Counted)

    def __len__(self) -> int:
        return len(self.rows)


def read_table(path: Path, contract: Contract, labelled: bool = False) -> Table:
    """Read a CSV file as the contract says; raises DataError with every fault.

    Columns found by analysis are read where the file has them, and are missing where it does not.
    """
    file, reader = open_table(path, contract, labelled)
    read = [record for record in reader.read() if not labelled or record.outcome is not None]
    if reader.faults:
        raise DataError(sorted(reader.faults))
    if not read:
        raise DataError([Fault(file.name, 0, contract.label.column, "", "no row has a known outcome")])
    ids, dates, values, outcomes, worth = zip(*read, strict=True)
    return Table(
        contract=contract,
        ids=ids,
        as_of=dates,
        rows=values,
        labels=np.array(outcomes, dtype=np.int64) if labelled else None,
        annual_values=worth,
        sha256=file.sha256,
        counted=reader.counted,
    )


def open_table(path: Path, contract: Contract, labelled: bool = False) -> tuple[CsvFile, RowReader]:
    """A file whose header fits the contract, and the reader of its rows; raises DataError when it does not fit."""
    file = open_csv(path)
    if faults := list(header_faults(file.name, file.header, contract, labelled)):
        raise DataError(faults)
    return file, RowReader(file, contract, labelled)


def header_faults(file: str, header: Sequence[str], contract: Contract, labelled: bool) -> Iterator[Fault]:
    """Each column the contract names and the file lacks, with the nearest one that it has."""
    wanted = {} if contract.id_column == ROW_NUMBER else {contract.id_column: "the id"}
    wanted |= {f.column: f"feature {f.name}" for f in contract.from_file}
    if contract.as_of_column:
        wanted[contract.as_of_column] = "the features' date"
    if contract.annual_value_column:
        wanted[contract.annual_value_column] = "the yearly value"
    if labelled:
        wanted[contract.label.column] = "the label"
    for column, role in wanted.items():
        if column not in header:
            near = difflib.get_close_matches(column, [h for h in header if h], n=1, cutoff=0.5)
            hint = f"; is it {near[0]!r}?" if near else ""
            remedy = f"not in the file, but contract {contract.name} reads {role} from it{hint}"
            yield Fault(file, 0, column, "", remedy)


def describe_rows(name: str, counted: Counted) -> Iterator[str]:
    """How many rows were read, their outcomes, and what was taken as missing or unknown."""
    known = counted.left + counted.stayed
    outcomes = ""
    if known or counted.unknown:
        outcomes = f": {counted.left:,} left, {counted.stayed:,} stayed"
        if counted.unknown:
            outcomes += f", {counted.unknown:,} without a known outcome (scored, never trained on)"
    yield f"read {counted.rows:,} rows of {name}{outcomes}"
    for column, count in counted.unseen.items():
        yield f"  {column}: {_cells(count)} with a category that the contract does not name, scored as unknown"
    for column, count in counted.missing.items():
        yield f"  {column}: {_cells(count)} missing"


def _cells(count: int) -> str:
    return f"{count:,} {'cell' if count == 1 else 'cells'}"
