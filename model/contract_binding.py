"""Bind customers to a contract's content, not to its name alone: other content under a known name is refused.

LoadRefusedError   when a name is loaded with other content, or may not be replaced now
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from model.identity import Content
from model.registry import retire_demo_model

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Not `NOT IN`: beyond its memory, PostgreSQL would then compare every customer with every other.
COUNT_OTHERS = """
SELECT count(DISTINCT customer_id) FROM customer_features f
WHERE contract = %s AND NOT EXISTS (SELECT FROM delivered d WHERE d.customer_id = f.customer_id)
"""

JOINS_DEMO = (
    "nothing was loaded: contract {name} holds the demo's made-up customers, which yours would join in every run. To "
    "replace them, add REPLACE=1; to keep both, copy model/contracts/{name}.toml, give the copy another name (its "
    "first lines: name = …), and say CONTRACT=that copy"
)


class LoadRefusedError(ValueError):
    """When customers may not be loaded under a contract's name; names both contents and the remedy."""


def claim_contract(cursor: Any, name: str, content: Content, replace: bool) -> int:
    """Keep others from loading under this name until the transaction's end; return how many customers were removed.

    Raises LoadRefusedError when the name is loaded with other content that is not to be replaced.
    """
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (f"contract/{name}",))
    if replace:
        return _remove_customers(cursor, name)
    cursor.execute("SELECT content FROM loaded_contracts WHERE name = %s", (name,))
    if row := cursor.fetchone():
        _refuse(name, list(Content.from_json(row[0]).differences(content)))
    return 0


def record_contract(cursor: Any, name: str, content: Content, demo: bool) -> bool:
    """Make the name stand for this content, once its customers' ids stand in `delivered`.

    What is the `demo`'s is marked so: no bank's own customers join the synthetic ones unasked, and none is
    scored by the model that the demo approved. Return whether that one was retired.
    """
    loaded, shared = _present(cursor, name)
    cursor.execute("SELECT (content ->> 'demo')::boolean FROM loaded_contracts WHERE name = %s", (name,))
    if not (row := cursor.fetchone()) and loaded > shared:
        _refuse(name, ["customers: an earlier version of Vigie loaded others, none of which is given"])
    of_demo = bool(row and row[0] and loaded)
    if of_demo and not demo and not shared:
        raise LoadRefusedError(JOINS_DEMO.format(name=name))
    said = content.as_json() | ({"demo": True} if demo or of_demo else {})
    cursor.execute(
        "INSERT INTO loaded_contracts (name, fingerprint, content) VALUES (%s, %s, %s) ON CONFLICT (name) DO UPDATE "
        "SET fingerprint = EXCLUDED.fingerprint, content = EXCLUDED.content, loaded_at = clock_timestamp()",
        (name, content.fingerprint(), json.dumps(said)),
    )
    return "demo" not in said and retire_demo_model(cursor, name)


def count_others(cursor: Any, name: str) -> int:
    """How many customers the contract has beyond those delivered in this transaction."""
    cursor.execute(COUNT_OTHERS, (name,))
    return int(cursor.fetchone()[0])


def loaded_source(conn: "Connection", name: str) -> str:
    """SHA-256 of the file whose rows are the contract's customers; empty where a column identifies them."""
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT content ->> 'source' FROM loaded_contracts WHERE name = %s", (name,))
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _refuse(name: str, differences: Sequence[str]) -> None:
    if differences:
        listed = "\n  ".join(differences)
        raise LoadRefusedError(
            f"nothing was loaded: contract {name} is loaded with other content, so that customers would stand twice "
            f"or be mixed:\n  {listed}\nTo keep both, give this contract another name (its first lines: name = …); "
            f"to replace the customers that {name} has, add REPLACE=1"
        )


def _present(cursor: Any, name: str) -> tuple[bool, bool]:
    """Whether the contract has customers already, and whether any of them is among those delivered."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM customer_features WHERE contract = %(name)s), EXISTS "
        "(SELECT FROM customer_features JOIN delivered USING (customer_id) WHERE contract = %(name)s)",
        {"name": name},
    )
    loaded, shared = cursor.fetchone()
    return bool(loaded), bool(shared)


def _remove_customers(cursor: Any, name: str) -> int:
    """Take every customer out of the contract; their consents and what earlier runs found stay."""
    cursor.execute("SELECT run_id FROM runs WHERE contract = %s AND status = 'running' LIMIT 1", (name,))
    if row := cursor.fetchone():
        raise LoadRefusedError(
            f"nothing was loaded: run {row[0]} is under way over the customers of contract {name}; "
            f"wait for its end, or complete it with make resume RUN={row[0]}"
        )
    cursor.execute(
        "WITH gone AS (DELETE FROM customer_features WHERE contract = %s RETURNING customer_id) "
        "SELECT count(DISTINCT customer_id) FROM gone",
        (name,),
    )
    return int(cursor.fetchone()[0])
