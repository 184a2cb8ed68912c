"""People, the catalogue and campaigns: what an operator does through the database's functions, and reads of them."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import hmac
import json
import time
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from psycopg2.extensions import cursor as Cursor

from vigie.catalogue import Catalogue
from vigie.catalogue_file import CatalogueError, read_catalogue
from vigie_operations.acting import acting as acting_as
from vigie_operations.errors import OperationError
from vigie_operations.targets import OWNER, READER, Target

OPERATOR = "operator"
AUDIT_FUNCTION = "vigie-audit-agent"
SHIPPED = Path(__file__).resolve().parents[1] / "catalogue.toml"
SEAL_SECONDS = 90
POLL_SECONDS = 0.25
CATALOGUES = """
SELECT c.version, c.sha256, c.loaded_by, c.loaded_at, c.policy, (
    SELECT jsonb_agg(to_jsonb(o) - 'version' ORDER BY o.offer_id) FROM catalogue_offers o WHERE o.version = c.version
) AS offers
FROM catalogues c ORDER BY c.loaded_at DESC
"""
CAMPAIGNS = """
SELECT c.*, (SELECT count(*) FROM campaign_members m WHERE m.campaign_id = c.campaign_id) AS members,
       (SELECT count(*) FROM campaign_members m WHERE m.campaign_id = c.campaign_id AND m.held_out) AS held_out,
       (SELECT jsonb_agg(to_jsonb(a) ORDER BY a.allocated_at) FROM allocations a WHERE a.campaign_id = c.campaign_id)
           AS allocations
FROM campaigns c WHERE %(named)s::text IS NULL OR c.campaign_id = %(named)s ORDER BY c.opened_at DESC
"""


def acting(target: Target, role: str = OPERATOR) -> AbstractContextManager[Cursor]:
    """Give a cursor of one transaction as a role, with rows as tuples; OperationError and TargetError as there."""
    return acting_as(target, role, Cursor)


def name_person(target: Target, who: str, person: str, duty: str, active: bool = True) -> str:
    """Name a person for a duty, or release them; without `who` the database's owner does it. Return the person's id."""
    with acting(target, OPERATOR if who else OWNER) as cursor:
        return str(_one(cursor, "SELECT name_person(%s, %s, %s, %s)", who or None, person, duty, active))


def load_offers(target: Target, who: str, path: Path = SHIPPED) -> tuple[Catalogue, bool]:
    """Load a catalogue's file; return it, and whether it was new.

    Raises:
        OperationError: the file has mistakes, all of which are named, or the database refused it; nothing was loaded.
    """
    try:
        read = read_catalogue(path)
    except CatalogueError as error:
        raise OperationError(f"Nothing was loaded:\n{error}") from error
    policy, offers = json.dumps(read.policy.as_json()), json.dumps(read.offers_as_json())
    with acting(target) as cursor:
        sql = "SELECT load_catalogue(%s, %s, %s, %s, %s)"
        return read, bool(_one(cursor, sql, who, read.version, read.content, policy, offers))


def list_catalogues(target: Target) -> list[dict[str, Any]]:
    """Every version with its offers, the newest first."""
    with acting(target, READER) as cursor:
        return _rows(cursor, CATALOGUES)


def open_campaign(target: Target, who: str, terms: dict[str, Any]) -> str:
    """Open a campaign and have the event that fixes its terms sealed; return the event's id.

    Raises:
        OperationError: the database refused the terms; or it is open, and its event was not sealed in time.
    """
    with acting(target) as cursor:
        event = str(_one(cursor, "SELECT open_campaign(%s, %s)", who, json.dumps(terms)))
    wait_until_sealed(target, str(terms.get("campaign_id")))
    return event


def wait_until_sealed(target: Target, campaign: str) -> None:
    """Ask the audit agent to seal, and wait until it has; its schedule seals as well.

    Raises:
        OperationError: nothing was sealed in time.
    """
    with contextlib.suppress(BotoCoreError, ClientError):
        payload = json.dumps({"do": "seal"}).encode()
        target.client("lambda").invoke(FunctionName=AUDIT_FUNCTION, InvocationType="Event", Payload=payload)
    deadline = time.monotonic() + SEAL_SECONDS
    while time.monotonic() < deadline:
        with acting(target) as cursor:
            if _one(cursor, "SELECT campaign_is_sealed(%s)", campaign):
                return
        time.sleep(POLL_SECONDS)
    raise OperationError(
        f"Campaign {campaign} is open, but its terms were not sealed within {SEAL_SECONDS} s: no run can be planned"
        f" into it before. What the audit agent wrote: {target.command('logs')}"
    )


def change_campaign(target: Target, who: str, campaign: str, changes: dict[str, Any]) -> str:
    """Raise the budget or change the hold-out's share; return the id of the event that fixes the new terms."""
    with acting(target) as cursor:
        return str(_one(cursor, "SELECT change_campaign(%s, %s, %s)", who, campaign, json.dumps(changes)))


def close_campaign(target: Target, who: str, campaign: str) -> str:
    """Close a campaign; return the key of its hold-out, in hexadecimal."""
    with acting(target) as cursor:
        return str(_one(cursor, "SELECT close_campaign(%s, %s)", who, campaign))


def list_campaigns(target: Target, named: str | None = None) -> list[dict[str, Any]]:
    """Every campaign, or the one that is named, with its allocations and the size of its arms.

    Raises:
        OperationError: there is none of that name.
    """
    with acting(target, READER) as cursor:
        found = _rows(cursor, CAMPAIGNS, {"named": named})
    if named and not found:
        raise OperationError(f"Campaign {named} is unknown: vigie campaigns list shows them")
    return found


def check_draws(target: Target, campaign: str) -> dict[str, Any]:
    """Draw a closed campaign's hold-out again from its key, and compare commitment and every draw.

    Raises:
        OperationError: the campaign is still open.
    """
    [found] = list_campaigns(target, campaign)
    with acting(target, READER) as cursor:
        key = bytes.fromhex(str(_one(cursor, "SELECT holdout_key(%s)", campaign)))
        cursor.execute("SELECT customer_id::text, draw FROM campaign_members WHERE campaign_id = %s", (campaign,))
        members = cursor.fetchall()
    return {
        "campaign": campaign,
        "commitment_holds": hashlib.sha256(key).hexdigest() == found["holdout_commitment"],
        "members": len(members),
        "other_draws": sum(draw(key, campaign, customer) != kept for customer, kept in members),
    }


def draw(key: bytes, campaign: str, customer: str) -> float:
    """A customer's draw from 0 to 1: HMAC-SHA256 of campaign, a zero byte and the customer's id as text."""
    digest = hmac.digest(key, campaign.encode() + b"\0" + customer.encode(), "sha256")
    return float((int.from_bytes(digest[:7]) >> 3) / 2**53)


def _one(cursor: Cursor, sql: str, *parameters: Any) -> Any:
    cursor.execute(sql, parameters)
    row = cursor.fetchone()
    return row[0] if row else None


def _rows(cursor: Cursor, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
    cursor.execute(sql, parameters)
    names = [column.name for column in cursor.description or ()]
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime.date) else value if _is_json(value) else str(value)


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | list | dict)
