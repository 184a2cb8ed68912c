"""Draft a feature contract from an unknown labelled CSV file, for a person to correct."""

import argparse
import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.cells import fold
from model.column_profile import Profile, read_profiles
from model.contract import ROW_NUMBER, ContractError, DraftError, parse_contract, refuse_shipped_name
from model.csv_file import CsvFile, normal, open_csv
from model.display import Effort, printable, shorten
from model.draft_text import Asked, Draft, next_steps, report, write_contract
from model.guess import Column, judge
from model.ids import canonical_id, id_fault
from model.misread import explain_header, explain_row_numbers, find_unlabelled_total
from model.outcome_values import Settled, settle
from model.panel import date_faults, explain_panel, explain_repeats, find_panel
from model.row_faults import DataError, Fault
from model.sensitive_cost import describe_cost_of_file
from vigie.command_line import run_command

__all__ = ["Asked", "Draft", "draft", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.draft --data FILE --label COLUMN --positive VALUE --out NAME.toml`."""
    parser = argparse.ArgumentParser(prog="python -m model.draft", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="labelled CSV")
    parser.add_argument("--label", required=True, help="the column that says who left")
    parser.add_argument("--positive", required=True, help="its value for those who left; several with commas")
    parser.add_argument("--negative", default="", help="its value for those who stayed, where there are more than two")
    parser.add_argument("--unknown", default="", help="its values for those of whom it is not known yet")
    parser.add_argument("--id", default=ROW_NUMBER, help="the column that identifies a customer")
    parser.add_argument("--as-of", default="", help="the date's column, where a customer has several rows")
    parser.add_argument("--horizon", type=int, default=90, help="days from the features to the label")
    parser.add_argument("--consents", default="", metavar="WHY",
                        help="declare that these people agreed to profiling and offers, and why")  # fmt: skip
    parser.add_argument(
        "--no-cost", action="store_true", help="do not measure what leaving sensitive columns out costs"
    )
    parser.add_argument("--out", type=Path, required=True, help="contract to write; its name names the contract")
    given, effort = parser.parse_args(arguments), Effort()
    asked = Asked(
        given.out.stem, normal(given.id), normal(given.label), given.positive, given.horizon, given.consents,
        given.negative, given.unknown, normal(given.as_of),
    )  # fmt: skip
    try:
        _check_out(given.out)
        drafted = draft(given.data, asked)
        contract = parse_contract(drafted.text, given.out.name)
        refuse_shipped_name(contract.name, f"OUT={given.out}")
        given.out.write_text(drafted.text, encoding="utf-8")
    except (DataError, ContractError) as exc:
        print(printable(exc.show(rest="") if isinstance(exc, DataError) else str(exc)), file=sys.stderr)
        return 1
    except OSError as exc:
        print(f"OUT: {given.out} cannot be written: {exc.strerror}; choose another place", file=sys.stderr)
        return 1
    print("\n".join(map(printable, report(drafted, given.out))), flush=True)
    if not given.no_cost:
        for line in describe_cost_of_file(given.data, given.out, contract, drafted.rows):
            print(printable(f"  {line}"), flush=True)
    print("\n".join((*effort.describe(drafted.rows), *next_steps(asked, given.out, given.data))))
    return 0


def draft(path: Path, asked: Asked) -> Draft:
    """Read the file and draft; raises DraftError when the id or the label do not fit it."""
    file, faults = open_csv(path), list[Fault]()
    profiles = read_profiles(file, faults)
    if faults:
        raise DataError(sorted(faults))
    _check_names(file, asked, profiles)
    faults = [*_id_faults(file, asked, profiles), *_date_faults(file, asked, profiles)]
    if faults:
        raise DataError(sorted(faults))
    _check_repeats(file, asked, profiles)
    if fault := find_unlabelled_total(file, profiles):
        raise DataError([fault])
    settled = _settle(file, asked, profiles[asked.label])
    labels = _label_rows(profiles[asked.label], settled)
    apart = (asked.id_column, asked.label, asked.as_of)
    columns = tuple(judge(profile, labels) for name, profile in profiles.items() if name not in apart)
    _check_columns(file, columns)
    notes = (*_notes(file), *(note for note in [explain_row_numbers(asked.id_column, profiles)] if note))
    return Draft(write_contract(asked, settled, columns), columns, len(profiles[asked.label]), settled, notes)


def _check_out(out: Path) -> None:
    if out.suffix != ".toml":
        raise DraftError(str(out), [f"OUT: a contract's file ends in .toml; write OUT={out.name}.toml"])
    if out.exists():
        raise DraftError(str(out), ["OUT: the file exists; remove it or choose another name"])


def _check_names(file: CsvFile, asked: Asked, profiles: Mapping[str, Profile]) -> None:
    for role, name in (("LABEL", asked.label), ("ID", asked.id_column), ("AS_OF", asked.as_of)):
        if name and name not in profiles and not (name == ROW_NUMBER and role == "ID"):
            near = difflib.get_close_matches(name.lower(), [p.lower() for p in profiles], n=1)
            hint = next((f"; is it {p!r}?" for p in profiles if near and p.lower() == near[0]), "")
            hint = hint or explain_header(name, profiles)
            raise DraftError(
                file.name, [f"{role}: no column {name!r}; the file has {shorten(', '.join(profiles), 400)}{hint}"]
            )
    if not len(profiles[asked.label]):
        raise DataError([Fault(file.name, 0, asked.label, "", "the file has no rows")])


def _id_faults(file: CsvFile, asked: Asked, profiles: Mapping[str, Profile]) -> Iterator[Fault]:
    if asked.id_column == ROW_NUMBER:
        return
    ids, seen = profiles[asked.id_column], dict[str, int]()
    for value, line, count in zip(ids.values, ids.lines, ids.counts(), strict=True):
        if remedy := id_fault(value):
            more = f" ({count:,} rows in all)" if count > 1 else ""
            yield Fault(file.name, line, ids.name, value[:80], f"{remedy}{more}")
        elif (first := seen.setdefault(canonical_id(value), line)) != line:
            yield Fault(
                file.name, line, ids.name, value, f"is the id of line {first}, spelled otherwise; write it alike"
            )


def _date_faults(file: CsvFile, asked: Asked, profiles: Mapping[str, Profile]) -> Iterator[Fault]:
    if asked.as_of:
        for line, text, remedy in date_faults(profiles[asked.as_of]):
            yield Fault(file.name, line, asked.as_of, text[:80], remedy)


def _check_repeats(file: CsvFile, asked: Asked, profiles: Mapping[str, Profile]) -> None:
    if asked.id_column == ROW_NUMBER:
        if found := find_panel(profiles):
            raise DraftError(file.name, [explain_panel(*found)])
        return
    ids = profiles[asked.id_column]
    if asked.as_of:
        _check_pairs(file, ids, profiles[asked.as_of])
    elif len(ids.values) < len(ids):
        raise DraftError(file.name, [f"ID: {explain_repeats(ids, profiles)}"])


def _check_pairs(file: CsvFile, ids: Profile, dates: Profile) -> None:
    together = ids.rows().astype(np.int64) * len(dates.values) + dates.rows()
    pairs, counts = np.unique(together, return_counts=True)
    if again := pairs[counts > 1].tolist():
        customer, moment = divmod(again[0], len(dates.values))
        shown = f"{ids.name} {ids.values[customer]!r} on {dates.values[moment]!r}"
        raise DraftError(file.name, [f"AS_OF: {shown} stands more than once; keep one row of a customer and date"])


def _check_columns(file: CsvFile, columns: Sequence[Column]) -> None:
    if not any(column.type for column in columns):
        why = [f"{column.name} {column.why}" for column in columns] or ["the file holds none but the id and the label"]
        raise DraftError(file.name, ["no column is left that a model could learn from:", *(f"  {w}" for w in why)])


def _settle(file: CsvFile, asked: Asked, column: Profile) -> Settled:
    known = {fold(value) for value in column.values}

    def several(said: str) -> list[str]:
        """One value, or several with commas; a value may hold a comma itself."""
        return [said] if fold(said) in known else [part.strip() for part in said.split(",") if part.strip()]

    try:
        return settle(column, several(asked.positive), several(asked.negative), several(asked.unknown))
    except DraftError as exc:
        raise DraftError(file.name, exc.faults) from exc


def _label_rows(column: Profile, settled: Settled) -> Any:
    """1 for who left, 0 for who stayed, -1 where it is not known, shape (n,)."""
    meaning = {s: 1 for o in settled.left for s, _ in o.spellings} | {
        s: 0 for o in settled.stayed for s, _ in o.spellings
    }
    return np.array(column.map_rows(lambda value: meaning.get(value, -1)), dtype=np.int64)


def _notes(file: CsvFile) -> Iterator[str]:
    if file.blank_lines:
        yield f"{file.blank_lines:,} blank {'line is' if file.blank_lines == 1 else 'lines are'} left out"
    for place, name in enumerate(file.header, start=1):
        if not name:
            yield f"left out: column {place} has no name, as the row numbers of other programs have none"
    if file.encoding != "utf-8-sig":
        yield f"the file is in {file.encoding.upper()}"


if __name__ == "__main__":
    run_command(main)
