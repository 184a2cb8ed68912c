"""Load a bank's files, or one file of customers under a contract, all or nothing."""

import argparse
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg2

from model.bank_file_reader import FILES, BankFile, Row, open_bank_file
from model.contract import ROW_NUMBER, Contract, ContractError, load_contract
from model.contract_binding import LoadRefusedError
from model.database import DatabaseUnknownError, connect
from model.display import Effort
from model.identity import Content
from model.ids import as_uuid
from model.row_faults import DataError, Fault
from model.row_reader import Counted
from model.storing import Loaded, store
from model.taken_numbers import TakenNumberError
from model.validate import describe_rows, open_table
from vigie.command_line import run_command

ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False)
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "vigie:customers")


class Rows[T]:
    """Rows that are read from their file each time they are asked for: a million of them need no memory."""

    def __init__(self, read: Callable[[], Iterator[T]], count: int) -> None:
        self._read, self._count = read, count

    def __iter__(self) -> Iterator[T]:
        return self._read()

    def __len__(self) -> int:
        return self._count


@dataclass(frozen=True)
class Delivery:
    """Everything one load brings, checked: rows by table, features as JSON; and what was read, in words."""

    contract: Contract
    content: Content
    customers: Rows[Row]
    features: Rows[tuple[str, str, str]]  # customer_id, as_of, JSON
    consents: Rows[Row]
    feedback: Rows[Row]
    granted: tuple[str, ...]  # purposes that the contract declares for every customer
    said: tuple[str, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.load --data FOLDER|FILE --contract bank`."""
    parser = argparse.ArgumentParser(prog="python -m model.load", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of bank files, or one CSV")
    parser.add_argument("--contract", default="bank", help="a shipped contract's name, or a path")
    parser.add_argument("--as-of", type=date.fromisoformat, help="the features' date, where the file has none")
    parser.add_argument("--language", choices=("fr", "en"), default="en", help="of customers in a single CSV")
    parser.add_argument("--faults", type=Path, help="write every fault to this CSV")
    parser.add_argument("--replace", action="store_true", help="replace this contract's customers (REPLACE=1)")
    parser.add_argument("--demo", action="store_true", help="these are made-up customers (make deploy-local)")
    parser.add_argument("--dsn", help="database; by default what PGHOST and its kin name")
    given, effort = parser.parse_args(arguments), Effort()
    try:
        contract = load_contract(given.contract)
        print(f"checking {given.data}", flush=True)
        delivery = read_delivery(given.data, contract, given.as_of or today(), given.language)
        print("\n".join(delivery.said))
        print(f"storing {len(delivery.customers):,} customers", flush=True)
        with closing(connect(given.dsn)) as conn:
            loaded = store(conn, delivery, given.replace, given.demo)
    except TakenNumberError as exc:
        return _refuse(_explain_taken(exc, given.data), given.faults)
    except DataError as exc:
        return _refuse(exc, given.faults)
    except (ContractError, DatabaseUnknownError, LoadRefusedError) as exc:
        print(exc, file=sys.stderr)
        return 1
    except psycopg2.Error as exc:
        # The database's own message may repeat a customer's data; its code and constraint do not.
        place = exc.diag.constraint_name or exc.diag.table_name
        why = ", ".join(filter(None, (exc.pgcode, place))) or "there is no connection; does make status say it runs?"
        print(f"nothing was loaded: the database refused it ({why})", file=sys.stderr)
        return 1
    print("\n".join((_summary(delivery, loaded), *effort.describe(len(delivery.customers)))))
    return 0


def today() -> date:
    """The day, the same one on every machine: a file that is loaded in another zone has the same features."""
    return datetime.now(UTC).date()


def read_delivery(data: Path, contract: Contract, as_of: date, language: str = "en") -> Delivery:
    """Read and check everything; raises DataError with every fault of every file."""
    return read_folder(data, contract) if data.is_dir() else read_single(data, contract, as_of, language)


def read_folder(folder: Path, contract: Contract) -> Delivery:
    """The four documented files; consents and feedback may be absent."""
    faults: list[Fault] = []
    files = {
        name: open_bank_file(folder / name, faults)
        for name in FILES
        if name == "customers.csv" or (folder / name).exists()
    }
    known = _check_files(files, faults)
    features, counted = _check_features(folder / "features.csv", contract, known, faults)
    if faults:
        raise DataError(sorted(faults))
    streams: dict[str, Rows[Row]] = {n: Rows(f.rows, f.count) for n, f in files.items() if f}
    empty: Rows[Row] = Rows(lambda: iter(()), 0)
    granted = () if "consents.csv" in files else contract.consents.granted
    said = [f"read {f.count:,} rows of {name}" for name, f in files.items() if f]
    return Delivery(
        contract, Content.of(contract), streams["customers.csv"], features, streams.get("consents.csv", empty),
        streams.get("feedback.csv", empty), granted, (*said, *describe_rows("features.csv", counted)),
    )  # fmt: skip


def _check_files(files: Mapping[str, BankFile | None], faults: list[Fault]) -> set[str]:
    """Check customers.csv, then those that speak of its customers; returns the customers' ids."""
    customers = files["customers.csv"]
    if customers:
        customers.check(faults)
    complete = bool(customers) and not faults
    known = set(customers.customer_ids()) if customers and complete else set()
    for name in ("consents.csv", "feedback.csv"):
        if file := files.get(name):
            # Where customers.csv is at fault, a customer who seems unknown may only be misread there.
            file.check(faults, known if complete else None)
    return known


def read_single(path: Path, contract: Contract, as_of: date, language: str) -> Delivery:
    """One CSV under a contract: ids made from its id column, every personal field empty."""
    worth: dict[str, float | None] = {}
    file, reader = open_table(path, contract)
    content = Content.of(contract, file.sha256)
    for record in reader.read():
        worth[customer_uuid(contract, record.id, content.source)] = record.annual_value
    if reader.faults:
        raise DataError(sorted(reader.faults))

    def customers() -> Iterator[Row]:
        empty = dict.fromkeys(FILES["customers.csv"])
        for customer, value in worth.items():
            annual = None if value is None else f"{value:.2f}"
            yield empty | {"customer_id": customer, "language": language, "annual_value_eur": annual}

    everybody: Rows[Row] = Rows(customers, len(worth))
    features = _stream_features(path, contract, as_of.isoformat(), file.sha256, reader.counted.rows, content.source)
    nothing: Rows[Row] = Rows(lambda: iter(()), 0)
    said = tuple(describe_rows(path.name, reader.counted))
    return Delivery(contract, content, everybody, features, nothing, nothing, contract.consents.granted, said)


def customer_uuid(contract: Contract, key: str, source: str = "") -> str:
    """The UUID (version 5) of a customer known to a file by `key`; a UUID stays itself.

    It depends on the contract's name and on the column that the key comes from: the same key in another column, or
    the same row (`source` is the SHA-256 of its file), is another person.
    """
    if found := as_uuid(key):
        return found
    column = source if contract.id_column == ROW_NUMBER else contract.id_column
    return str(uuid.uuid5(NAMESPACE, f"{contract.name}/{column}/{key}"))


def _check_features(
    path: Path, contract: Contract, known: set[str], faults: list[Fault]
) -> tuple["Rows[tuple[str, str, str]]", Counted]:
    try:
        file, reader = open_table(path, contract)
    except DataError as exc:
        faults += exc.faults
        return Rows(lambda: iter(()), 0), Counted()
    complete = not faults
    for record in reader.read():
        if complete and customer_uuid(contract, record.id) not in known:
            remedy = "is not in customers.csv; add it, or drop the row"
            faults.append(Fault(path.name, reader.line, contract.id_column, record.id[:80], remedy))
    faults += reader.faults
    return _stream_features(path, contract, "", file.sha256, reader.counted.rows), reader.counted


def _stream_features(
    path: Path, contract: Contract, as_of: str, sha256: str, count: int, source: str = ""
) -> "Rows[tuple[str, str, str]]":
    """The features of a checked file, read again as they are stored; a file that changed meanwhile is refused."""

    def read() -> Iterator[tuple[str, str, str]]:
        file, reader = open_table(path, contract)
        if file.sha256 != sha256:
            raise DataError([Fault(path.name, 0, "(all)", "", "has changed while it was loaded; load it again")])
        for record in reader.read():
            yield customer_uuid(contract, record.id, source), record.as_of or as_of, _as_json(record.features)

    return Rows(read, count)


def _as_json(features: object) -> str:
    return ENCODER.encode(features)


def _explain_taken(error: TakenNumberError, folder: Path) -> DataError:
    """Where each number that another customer has stands in customers.csv."""
    faults: list[Fault] = []
    file = open_bank_file(folder / "customers.csv", faults)
    lines = file.lines_with("customer_number", error.holders) if file else {}
    for number, holder in error.holders.items():
        remedy = f"is loaded already for customer_id {holder}; use that id, or correct the number"
        faults.append(Fault("customers.csv", lines.get(number, 0), "customer_number", number, remedy))
    return DataError(sorted(faults))


def _refuse(error: DataError, path: Path | None) -> int:
    print(error.show(), file=sys.stderr)
    if path:
        error.write(path)
        print(f"every fault is in {path}; it repeats customer data, so remove it when done", file=sys.stderr)
    return 1


def _summary(delivery: Delivery, loaded: Loaded) -> str:
    lines = [f"loaded under contract {delivery.contract.name} (new or changed / in the files):"]
    declared = len(delivery.customers) * len(delivery.granted)
    brought = {
        "customers": len(delivery.customers), "features": len(delivery.features),
        "consents": len(delivery.consents) + declared, "feedback": len(delivery.feedback),
    }  # fmt: skip
    lines += [f"  {name:<10} {loaded.changed[name]:>8,} / {count:,}" for name, count in brought.items()]
    if loaded.replaced:
        lines.append(f"replaced the {loaded.replaced:,} customers that contract {delivery.contract.name} had")
    if loaded.retired:
        lines.append("the demo's own first model is retired: no model scores these until make train and make promote")
    if loaded.others:
        lines.append(
            f"{loaded.others:,} more customers are loaded under {delivery.contract.name} and not in these files:"
        )
        lines.append("runs cover them too (make load … REPLACE=1 leaves only those of the files)")
    if not brought["consents"]:
        lines.append("no consent was loaded, so no customer will be predicted: bring consents.csv, or declare")
        lines.append("[consents] in the contract (docs/data-files.md)")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
