"""Loads a bank's files, or one file of customers under a contract, all or nothing."""

import argparse
import json
import sys
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg2

from model.bank_files import FILES, Row, read_rows, unknown_customers
from model.claiming import LoadRefusedError
from model.contract import ROW_NUMBER, Contract, ContractError, load_contract
from model.database import DatabaseUnknownError, connect
from model.faults import DataError, Fault
from model.identity import Content
from model.storing import Loaded, store
from model.validate import read_table

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "vigie:customers")


@dataclass(frozen=True)
class Delivery:
    """Everything one load brings, checked: rows by table, features as JSON."""

    contract: Contract
    content: Content
    customers: Sequence[Row]
    features: Sequence[tuple[str, str, str]]  # customer_id, as_of, JSON
    consents: Sequence[Row]
    feedback: Sequence[Row]
    declared: Sequence[tuple[str, str]]  # customer_id, purpose: granted by the contract


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.load --data FOLDER|FILE --contract bank`."""
    parser = argparse.ArgumentParser(prog="python -m model.load", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of bank files, or one CSV")
    parser.add_argument("--contract", default="bank", help="a shipped contract's name, or a path")
    parser.add_argument("--as-of", type=date.fromisoformat, help="the features' date, where the file has none")
    parser.add_argument("--language", choices=("fr", "en"), default="en", help="of customers in a single CSV")
    parser.add_argument("--faults", type=Path, help="write every fault to this CSV")
    parser.add_argument("--replace", action="store_true", help="replace this contract's customers (REPLACE=1)")
    parser.add_argument("--dsn", help="database; by default what PGHOST and its kin name")
    given = parser.parse_args(arguments)
    try:
        contract = load_contract(given.contract)
        print(f"checking {given.data}", flush=True)
        delivery = read_delivery(given.data, contract, given.as_of or date.today(), given.language)
        print(f"storing {len(delivery.customers):,} customers", flush=True)
        with closing(connect(given.dsn)) as conn:
            loaded = store(conn, delivery, given.replace)
    except DataError as exc:
        return _refuse(exc, given.faults)
    except (ContractError, DatabaseUnknownError, LoadRefusedError) as exc:
        print(exc, file=sys.stderr)
        return 1
    except psycopg2.Error as exc:
        # The database's own message may repeat a customer's data; its code and constraint do not.
        place = exc.diag.constraint_name or exc.diag.table_name or "no connection"
        print(f"nothing was loaded: the database refused it ({exc.pgcode}, {place})", file=sys.stderr)
        return 1
    print(_summary(delivery, loaded))
    return 0


def read_delivery(data: Path, contract: Contract, as_of: date, language: str = "en") -> Delivery:
    """Read and check everything; raises DataError with every fault of every file."""
    return read_folder(data, contract) if data.is_dir() else read_single(data, contract, as_of, language)


def read_folder(folder: Path, contract: Contract) -> Delivery:
    """The four documented files; consents and feedback may be absent."""
    faults: list[Fault] = []
    read = {
        name: read_rows(folder / name, faults) if name == "customers.csv" or (folder / name).exists() else []
        for name in FILES
    }
    known = {str(row["customer_id"]).lower() for row in read["customers.csv"]}
    for name in ("consents.csv", "feedback.csv"):
        faults += unknown_customers(name, read[name], known)
    features = _read_features(folder / "features.csv", contract, known, faults)
    if faults:
        raise DataError(sorted(faults))
    declared = [] if (folder / "consents.csv").exists() else _declare(contract, sorted(known))
    content = Content.of(contract)
    return Delivery(
        contract, content, read["customers.csv"], features, read["consents.csv"], read["feedback.csv"], declared
    )


def read_single(path: Path, contract: Contract, as_of: date, language: str) -> Delivery:
    """One CSV under a contract: ids made from its id column, every personal field empty."""
    table = read_table(path, contract)
    content = Content.of(contract, table.sha256)
    ids = [customer_uuid(contract, i, content.source) for i in table.ids]
    customers: list[Row] = [
        dict.fromkeys(FILES["customers.csv"])
        | {"customer_id": i, "language": language, "annual_value_eur": None if v is None else f"{v:.2f}"}
        for i, v in dict(zip(ids, table.annual_values, strict=True)).items()
    ]
    dates = [d or as_of.isoformat() for d in table.as_of]
    features = [(i, d, _as_json(r)) for i, d, r in zip(ids, dates, table.rows, strict=True)]
    return Delivery(contract, content, customers, features, [], [], _declare(contract, sorted(set(ids))))


def customer_uuid(contract: Contract, key: str, source: str = "") -> str:
    """The UUID (version 5) of a customer known to a file by `key`; a UUID stays itself.

    It depends on the contract's name and on the column that the key comes from: the same key in another column, or
    the same row (`source` is the SHA-256 of its file), is another person.
    """
    try:
        return str(uuid.UUID(key))
    except ValueError:
        column = source if contract.id_column == ROW_NUMBER else contract.id_column
        return str(uuid.uuid5(NAMESPACE, f"{contract.name}/{column}/{key}"))


def _read_features(path: Path, contract: Contract, known: set[str], faults: list[Fault]) -> list[tuple[str, str, str]]:
    try:
        table = read_table(path, contract)
    except DataError as exc:
        faults += exc.faults
        return []
    ids = [customer_uuid(contract, i) for i in table.ids]
    for number, (customer, key) in enumerate(zip(ids, table.ids, strict=True), start=2):
        if customer not in known:
            remedy = "is not in customers.csv; add it, or drop the row"
            faults.append(Fault(path.name, number, contract.id_column, key, remedy))
    return [(i, d, _as_json(r)) for i, d, r in zip(ids, table.as_of, table.rows, strict=True)]


def _declare(contract: Contract, ids: Sequence[str]) -> list[tuple[str, str]]:
    return [(customer, purpose) for customer in ids for purpose in contract.consents.granted]


def _as_json(features: object) -> str:
    return json.dumps(features, ensure_ascii=False, sort_keys=True, allow_nan=False)


def _refuse(error: DataError, path: Path | None) -> int:
    print(error.show(), file=sys.stderr)
    if path:
        error.write(path)
        print(f"every fault is in {path}; it repeats customer data, so remove it when done", file=sys.stderr)
    return 1


def _summary(delivery: Delivery, loaded: Loaded) -> str:
    lines = [f"loaded under contract {delivery.contract.name} (new or changed / in the files):"]
    brought = {
        "customers": len(delivery.customers), "features": len(delivery.features),
        "consents": len(delivery.consents) + len(delivery.declared), "feedback": len(delivery.feedback),
    }  # fmt: skip
    lines += [f"  {name:<10} {loaded.changed[name]:>8,} / {count:,}" for name, count in brought.items()]
    if loaded.replaced:
        lines.append(f"replaced the {loaded.replaced:,} customers that contract {delivery.contract.name} had")
    if loaded.others:
        lines.append(
            f"{loaded.others:,} more customers are loaded under {delivery.contract.name} and not in these files:"
        )
        lines.append("runs cover them too (make load … REPLACE=1 leaves only those of the files)")
    if not brought["consents"]:
        lines.append("nobody has agreed to anything, so nobody will be predicted: bring consents.csv, or declare")
        lines.append("[consents] in the contract (docs/data-files.md)")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
