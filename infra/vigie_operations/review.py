"""Review of proposals as a person does it, through the database's functions and the role of the person's duty."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from vigie_operations.campaigns import acting
from vigie_operations.errors import OperationError
from vigie_operations.targets import READER, Target

DUTIES = ("reviewer", "second_reviewer")

QUEUE = """
SELECT row_to_json(s)::text FROM (
    SELECT proposal_id, state, second_reasons, offer_id, price_eur, expected_value_eur, wording, claimed_by, expires_at
    FROM proposal_states WHERE campaign_id = %s AND state IN ('objected', 'awaiting_second', 'open')
    ORDER BY array_position(ARRAY['objected', 'awaiting_second', 'open'], state), expected_value_eur DESC LIMIT %s
) s
"""


class NothingToReviewError(OperationError):
    """When nothing waits for this person."""


def reviewer_named(target: Target, person: str, duty: str | None = None) -> Reviewer:
    """Return a person who reviews, with the duty that they are named for unless it is given.

    Raises:
        OperationError: nobody of that name reviews.
    """
    if duty is None:
        with acting(target, READER) as cursor:
            cursor.execute(
                "SELECT duty FROM people WHERE person = %s AND active AND duty = ANY (%s)", (person, [*DUTIES])
            )
            found = cursor.fetchone()
        if found is None:
            raise OperationError(f"{person} is not named as a reviewer: vigie people add {person} reviewer.")
        [duty] = found
    return Reviewer(target, person, duty)


@dataclass(frozen=True)
class Reviewer:
    """A person who acts through the role of their duty; OperationError and TargetError as for `acting`."""

    target: Target
    person: str
    duty: str

    def next_case(self, campaign: str) -> dict[str, Any]:
        """Claim the next proposal and open it."""
        held = self._ask("SELECT proposal_id::text FROM claim_proposals(%s, 1, %s) LIMIT 1", campaign)
        if held is None:
            raise NothingToReviewError(f"Nothing in campaign {campaign} waits for {self.person}.")
        return self.open_case(held)

    def open_case(self, proposal: str) -> dict[str, Any]:
        """What there is to decide on, of a proposal that the person holds."""
        case: dict[str, Any] = json.loads(self._ask("SELECT open_case(%s, %s)::text", proposal))
        return case

    def decide(self, proposal: str, decision: str, content: str, reason: str) -> dict[str, Any]:
        """Decide on the content of this hash; the new state."""
        state = self._ask("SELECT decide(%s, %s, %s, %s, %s)", proposal, decision, content, reason)
        return {"proposal_id": proposal, "state": state}

    def edit(self, proposal: str, offer: str, message: str) -> dict[str, Any]:
        """Make another version; the hash of its content."""
        content = self._ask("SELECT edit_proposal(%s, %s, %s, %s)", proposal, offer, message)
        return {"proposal_id": proposal, "content_sha256": content}

    def approve_in_bulk(self, contents: dict[str, str]) -> dict[str, Any]:
        """Approve proposals, each with the hash of what was read; all or none."""
        sql = "SELECT approve_in_bulk(%s, %s::uuid[], %s)::text"
        return {"bulk_id": self._ask(sql, list(contents), list(contents.values())), "approved": len(contents)}

    def undo(self, proposal: str) -> dict[str, Any]:
        """Take back the person's own decision; the new state."""
        return {"proposal_id": proposal, "state": self._ask("SELECT undo_decision(%s, %s)", proposal)}

    def undo_bulk(self, bulk: str) -> dict[str, Any]:
        """Take back what the person approved in a bulk."""
        return {"bulk_id": bulk, "undone": self._ask("SELECT undo_bulk(%s, %s)", bulk)}

    def _ask(self, sql: str, *arguments: object) -> Any:
        with acting(self.target, self.duty) as cursor:
            cursor.execute(sql, (self.person, *arguments))
            row = cursor.fetchone()
            return row[0] if row else None


def queue(target: Target, campaign: str, most: int) -> list[dict[str, Any]]:
    """What waits in a campaign, in the order in which it is claimed."""
    with acting(target, READER) as cursor:
        cursor.execute(QUEUE, (campaign, most))
        return [json.loads(row) for (row,) in cursor.fetchall()]
