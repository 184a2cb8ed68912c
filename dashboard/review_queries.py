"""What the pages read about proposals and people, as the role `dashboard`; changes go through role_calls.py.

Each function takes the database and gives rows as dictionaries.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from dashboard.queries import Reader, Row

REVIEWABLE = ("open", "awaiting_second", "objected")


def list_people(db: Reader) -> list[Row]:
    """Everybody who acts, by duty."""
    return db.fetch("SELECT person, duty FROM people WHERE active ORDER BY duty, person")


def list_open_campaigns(db: Reader) -> list[Row]:
    """Campaigns that are not closed, newest first."""
    return db.fetch(
        "SELECT campaign_id, name, contract, catalogue_version FROM campaigns WHERE closed_at IS NULL"
        " ORDER BY opened_at DESC"
    )


def count_queue(db: Reader, campaign: str, person: str) -> Row:
    """Proposals to review: of a campaign, this person's claims, others' claims, and when the next of those ends."""
    return db.fetch(
        "SELECT count(*) AS waiting,"
        " count(*) FILTER (WHERE claimed_by = %(person)s AND claim_expires_at > now()) AS mine,"
        " count(*) FILTER (WHERE claimed_by <> %(person)s AND claim_expires_at > now()) AS others,"
        " count(*) FILTER (WHERE first_approved_by = %(person)s) AS approved_by_me,"
        " count(*) FILTER (WHERE state = 'awaiting_second') AS second,"
        " min(claim_expires_at) FILTER (WHERE claimed_by <> %(person)s AND claim_expires_at > now()) AS next_free"
        " FROM proposal_states WHERE campaign_id = %(campaign)s AND state = ANY (%(states)s)",
        {"campaign": campaign, "person": person, "states": list(REVIEWABLE)},
    )[0]


def list_claims(db: Reader, campaign: str, person: str) -> list[Row]:
    """What a person has claimed and may still decide, as the queue is ordered."""
    return db.fetch(
        "SELECT * FROM proposal_states WHERE campaign_id = %(campaign)s AND claimed_by = %(person)s"
        " AND claim_expires_at > now() AND state = ANY (%(states)s)"
        " ORDER BY array_position(ARRAY['objected', 'awaiting_second', 'open'], state),"
        " expected_value_eur DESC NULLS LAST, proposal_id",
        {"campaign": campaign, "person": person, "states": list(REVIEWABLE)},
    )


def list_waiting(db: Reader, campaign: str, limit: int = 50) -> list[Row]:
    """The queue as anybody may see it, without messages."""
    return db.fetch(
        "SELECT s.*, o.title_fr, o.title_en FROM proposal_states s LEFT JOIN offers o USING (offer_id)"
        " WHERE campaign_id = %(campaign)s AND state = ANY (%(states)s)"
        " ORDER BY expected_value_eur DESC NULLS LAST, proposal_id LIMIT %(limit)s",
        {"campaign": campaign, "states": list(REVIEWABLE), "limit": limit},
    )


def messages_of(db: Reader, proposals: list[UUID]) -> dict[UUID, str]:
    """The words of the current version of each proposal."""
    rows = db.fetch(
        "SELECT DISTINCT ON (proposal_id) proposal_id, message FROM proposal_versions"
        " WHERE proposal_id = ANY (%(ids)s::uuid[]) ORDER BY proposal_id, version DESC",
        {"ids": [str(proposal) for proposal in proposals]},
    )
    return {row["proposal_id"]: row["message"] or "" for row in rows}


def state_of(db: Reader, proposal: UUID) -> Row | None:
    """A proposal as it stands now."""
    rows = db.fetch("SELECT * FROM proposal_states WHERE proposal_id = %(id)s", {"id": proposal})
    return rows[0] if rows else None


def decision_since(db: Reader, proposal: UUID, person: str, since: datetime) -> str | None:
    """What a person last decided about a proposal since a moment; None: nothing."""
    rows = db.fetch(
        "SELECT decision FROM decisions WHERE proposal_id = %(id)s AND person = %(person)s AND decided_at >= %(since)s"
        " ORDER BY decided_at DESC LIMIT 1",
        {"id": proposal, "person": person, "since": since},
    )
    return str(rows[0]["decision"]) if rows else None


def now_of(db: Reader) -> datetime:
    """The database's clock, by which claims and decisions are timed."""
    moment: datetime = db.fetch("SELECT clock_timestamp() AS now")[0]["now"]
    return moment


def count_decided(db: Reader, person: str, since: datetime) -> int:
    """A person's approvals and rejections since a moment, less those undone."""
    rows = db.fetch(
        "SELECT count(*) FILTER (WHERE decision <> 'undo') - count(*) FILTER (WHERE decision = 'undo') AS n"
        " FROM decisions WHERE person = %(person)s AND decided_at >= %(since)s",
        {"person": person, "since": since},
    )
    return max(0, int(rows[0]["n"]))


def list_titles(db: Reader) -> dict[str, Row]:
    """Every offer's titles and message, by its code."""
    rows = db.fetch("SELECT offer_id, title_fr, title_en, message_fr, message_en FROM offers ORDER BY offer_id")
    return {row["offer_id"]: row for row in rows}


def list_offers_of(db: Reader, version: str) -> list[Row]:
    """The offers of a catalogue's version, with their conditions and titles."""
    return db.fetch(
        "SELECT c.*, o.title_fr, o.title_en FROM catalogue_offers c JOIN offers o USING (offer_id)"
        " WHERE c.version = %(version)s ORDER BY c.cost_eur DESC, c.offer_id",
        {"version": version},
    )


def pick(row: dict[str, Any], name: str, language: str) -> str:
    """A text that a row holds in both languages."""
    return str(row.get(f"{name}_{language}") or "")
