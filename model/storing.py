"""Store a checked delivery in one transaction; the same delivery again changes nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from model.bank_file_reader import FILES, Row
from model.contract import Contract
from model.contract_binding import claim_contract, count_others, record_contract
from model.database import copy_rows
from model.identity import Content
from model.taken_numbers import refuse_taken_numbers

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# For one sort or hash of a million rows; beyond it PostgreSQL uses temporary files.
WORK_MEMORY = "64MB"


class Deliverable(Protocol):
    """What `store` needs of a delivery."""

    @property
    def contract(self) -> Contract: ...
    @property
    def content(self) -> Content: ...
    @property
    def customers(self) -> Iterable[Row]: ...
    @property
    def features(self) -> Iterable[tuple[str, str, str]]: ...
    @property
    def consents(self) -> Iterable[Row]: ...
    @property
    def feedback(self) -> Iterable[Row]: ...
    @property
    def granted(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Loaded:
    """Rows that were new or had changed, by table; customers replaced, and those of the contract not delivered; whether
    the model that the demo approved was retired."""

    changed: dict[str, int]
    replaced: int = 0
    others: int = 0
    retired: bool = False


def store(conn: "Connection", delivery: Deliverable, replace: bool = False, demo: bool = False) -> Loaded:
    """Stage by COPY, then merge; everything is rolled back when anything fails.

    Raises LoadRefusedError when the contract's name is loaded with other content, unless that is to be replaced.
    """
    name = delivery.contract.name
    with conn, conn.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = %s", (WORK_MEMORY,))
        replaced = claim_contract(cursor, name, delivery.content, replace)
        _stage_features(cursor, delivery.features)
        retired = record_contract(cursor, name, delivery.content, demo)
        changed = {
            "customers": _store_customers(cursor, delivery.customers),
            "features": _store_features(cursor, name),
            "consents": _store_consents(cursor, delivery.consents) + _store_declared(cursor, delivery),
            "feedback": _store_feedback(cursor, delivery.feedback),
        }
        return Loaded(changed, replaced, count_others(cursor, name), retired)


def _stage(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    listed = ", ".join(columns)
    cursor.execute(
        f"CREATE TEMP TABLE staged_{table} ON COMMIT DROP AS SELECT {listed} FROM {table} WITH NO DATA"  # noqa: S608
    )
    copy_rows(cursor, f"staged_{table}", columns, rows)
    cursor.execute(f"ANALYZE staged_{table}")


def _store_customers(cursor: Any, customers: Iterable[Row]) -> int:
    columns = list(FILES["customers.csv"])
    _stage(cursor, "customers", columns, (row.values() for row in customers))  # type: ignore[misc]
    refuse_taken_numbers(cursor)
    listed = ", ".join(columns)
    updated = ", ".join(f"{c} = EXCLUDED.{c}" for c in columns[1:])
    known, new = (", ".join(f"{t}.{c}" for c in columns[1:]) for t in ("customers", "EXCLUDED"))
    # In the order of the ids, each index grows at one end: a million rows in any other order take twice the time.
    cursor.execute(
        f"INSERT INTO customers ({listed}) SELECT {listed} FROM staged_customers ORDER BY customer_id "  # noqa: S608
        f"ON CONFLICT (customer_id) DO UPDATE SET {updated} WHERE ({known}) IS DISTINCT FROM ({new})"
    )
    return int(cursor.rowcount)


def _stage_features(cursor: Any, features: Iterable[tuple[str, str, str]]) -> None:
    """Stage the features, and whom they are of: `delivered`."""
    _stage(cursor, "customer_features", ("customer_id", "as_of", "features"), features)
    cursor.execute("CREATE TEMP TABLE delivered (customer_id uuid PRIMARY KEY) ON COMMIT DROP")
    cursor.execute("INSERT INTO delivered SELECT DISTINCT customer_id FROM staged_customer_features ORDER BY 1")
    cursor.execute("ANALYZE delivered")


def _store_features(cursor: Any, contract: str) -> int:
    # A file without dates is dated today: the same features again are not news.
    cursor.execute(
        """
        INSERT INTO customer_features (customer_id, contract, as_of, features)
        SELECT s.customer_id, %(contract)s, s.as_of, s.features FROM staged_customer_features s
        WHERE s.features IS DISTINCT FROM (
            SELECT f.features FROM customer_features f
            WHERE f.customer_id = s.customer_id AND f.contract = %(contract)s AND f.as_of <= s.as_of
            ORDER BY f.as_of DESC LIMIT 1)
        ORDER BY s.customer_id
        ON CONFLICT (customer_id, contract, as_of) DO UPDATE SET features = EXCLUDED.features
        """,
        {"contract": contract},
    )
    return int(cursor.rowcount)


def _store_consents(cursor: Any, consents: Iterable[Row]) -> int:
    columns = list(FILES["consents.csv"])
    _stage(cursor, "consents", columns, (row.values() for row in consents))  # type: ignore[misc]
    listed = ", ".join(columns)
    # Consents are only ever added; one that is there already, to the letter, is not added again.
    cursor.execute(
        f"INSERT INTO consents ({listed}) SELECT {listed} FROM ("  # noqa: S608
        f"SELECT {listed} FROM staged_consents EXCEPT SELECT {listed} FROM consents) fresh "
        "ORDER BY recorded_at, customer_id, purpose"
    )
    return int(cursor.rowcount)


def _store_declared(cursor: Any, delivery: Deliverable) -> int:
    said = delivery.contract.consents
    # Once per customer and purpose: loading again must not undo a withdrawal.
    cursor.execute(
        """
        INSERT INTO consents (customer_id, purpose, granted, source, policy_version)
        SELECT s.customer_id, declared.purpose, true, %s, %s
        FROM staged_customers s CROSS JOIN unnest(%s::text[]) AS declared (purpose)
        WHERE NOT EXISTS (SELECT FROM consents c
                          WHERE c.customer_id = s.customer_id AND c.purpose = declared.purpose)
        ORDER BY s.customer_id, declared.purpose
        """,
        (said.source, said.policy_version, list(delivery.granted)),
    )
    return int(cursor.rowcount)


def _store_feedback(cursor: Any, feedback: Iterable[Row]) -> int:
    columns = list(FILES["feedback.csv"])
    _stage(cursor, "feedback", columns, (row.values() for row in feedback))  # type: ignore[misc]
    listed = ", ".join(columns)
    cursor.execute(
        f"INSERT INTO feedback ({listed}) SELECT {listed} FROM staged_feedback "  # noqa: S608
        "ON CONFLICT (feedback_id) DO UPDATE SET text = EXCLUDED.text, received_at = EXCLUDED.received_at, "
        "channel = EXCLUDED.channel, language = EXCLUDED.language "
        "WHERE (feedback.text, feedback.received_at, feedback.channel, feedback.language) IS DISTINCT FROM "
        "(EXCLUDED.text, EXCLUDED.received_at, EXCLUDED.channel, EXCLUDED.language)"
    )
    return int(cursor.rowcount)
