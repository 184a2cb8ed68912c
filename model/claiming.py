"""Binds customers to what a contract says, not to its name alone: other content under a known name is refused.

LoadRefusedError   when a name is loaded with other content, or may not be replaced now
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from model.database import copy_rows
from model.identity import Content

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class LoadRefusedError(ValueError):
    """When customers may not be loaded under a contract's name; names both contents and the remedy."""


def claim_contract(cursor: Any, name: str, content: Content, customers: Sequence[str], replace: bool) -> int:
    """Make the name stand for this content until the transaction's end; return how many customers were replaced."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (f"contract/{name}",))
    cursor.execute("CREATE TEMP TABLE delivered (customer_id uuid PRIMARY KEY) ON COMMIT DROP")
    copy_rows(cursor, "delivered", ("customer_id",), ((customer,) for customer in customers))
    cursor.execute("ANALYZE delivered")
    if not replace:
        _refuse_other_content(cursor, name, content)
    replaced = _remove_customers(cursor, name) if replace else 0
    cursor.execute(
        "INSERT INTO loaded_contracts (name, fingerprint, content) VALUES (%s, %s, %s) ON CONFLICT (name) DO UPDATE "
        "SET fingerprint = EXCLUDED.fingerprint, content = EXCLUDED.content, loaded_at = clock_timestamp()",
        (name, content.fingerprint(), json.dumps(content.as_json())),
    )
    return replaced


def count_others(cursor: Any, name: str) -> int:
    """How many customers the contract has beyond those delivered in this transaction."""
    cursor.execute(
        "SELECT count(DISTINCT customer_id) FROM customer_features WHERE contract = %s "
        "AND customer_id NOT IN (SELECT customer_id FROM delivered)",
        (name,),
    )
    return int(cursor.fetchone()[0])


def loaded_source(conn: "Connection", name: str) -> str:
    """SHA-256 of the file whose rows are the contract's customers; empty where a column identifies them."""
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT content ->> 'source' FROM loaded_contracts WHERE name = %s", (name,))
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _refuse_other_content(cursor: Any, name: str, content: Content) -> None:
    cursor.execute("SELECT content FROM loaded_contracts WHERE name = %s", (name,))
    if row := cursor.fetchone():
        differences = list(Content.from_json(row[0]).differences(content))
    else:
        differences = _unrecorded(cursor, name)
    if differences:
        listed = "\n  ".join(differences)
        raise LoadRefusedError(
            f"nothing was loaded: contract {name} is loaded with other content, so that customers would stand twice "
            f"or be mixed:\n  {listed}\nTo keep both, give this contract another name (its first lines: name = …); "
            f"to replace the customers that {name} has, add REPLACE=1"
        )


def _unrecorded(cursor: Any, name: str) -> list[str]:
    """Differences from customers that an earlier version loaded, which kept no content: only their ids can say."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM customer_features WHERE contract = %(name)s), EXISTS "
        "(SELECT FROM customer_features JOIN delivered USING (customer_id) WHERE contract = %(name)s)",
        {"name": name},
    )
    loaded, shared = cursor.fetchone()
    return ["customers: an earlier version of Vigie loaded others, none of which is given"] if loaded > shared else []


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
