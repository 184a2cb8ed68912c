"""Reconcile a campaign: its rows with its audit events, both ways, as the database's owner.

A row that was changed, added or taken away by hand differs from the event that its function wrote. Events themselves
are vouched for by the sealed log: verify that as well, with the checkpoints of the write-once store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vigie_operations.campaign_checks import CHECKS
from vigie_operations.errors import OperationError
from vigie_operations.targets import OWNER, Target

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

COUNTED = """
SELECT (SELECT count(*) FROM proposals WHERE campaign_id = %(campaign)s),
       (SELECT count(*) FROM decisions JOIN proposals USING (proposal_id) WHERE campaign_id = %(campaign)s),
       (SELECT count(*) FROM handed_over JOIN proposals USING (proposal_id) WHERE campaign_id = %(campaign)s),
       (SELECT count(*) FROM outcomes WHERE campaign_id = %(campaign)s),
       (SELECT count(*) FROM objections JOIN proposals USING (proposal_id) WHERE campaign_id = %(campaign)s),
       (SELECT count(*) FROM audit_log WHERE details ->> 'campaign' = %(campaign)s)
"""
NAMES = ("proposals", "decisions", "handed_over", "outcomes", "objections", "events")


@dataclass(frozen=True)
class Difference:
    """One thing that record and event say otherwise, by their ids."""

    problem: str
    record: str | None
    event: str | None

    def line(self) -> str:
        """Return it as a line to print."""
        return f"  {self.problem}: record {self.record or 'none'}, event {self.event or 'none'}"


@dataclass(frozen=True)
class Compared:
    """What was compared, and how it differs."""

    campaign: str
    counts: dict[str, int]
    differences: list[Difference]
    command: str

    def lines(self) -> list[str]:
        """Return what to print of it."""
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in self.counts.items())
        verdict = f"{len(self.differences)} differences" if self.differences else "records and events agree"
        return [
            f"Campaign {self.campaign}: {counts}: {verdict}",
            *(difference.line() for difference in self.differences),
            f"That no event was changed is what the sealed log proves: {self.command}",
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as JSON can hold it."""
        found = [{"problem": each.problem, "record": each.record, "event": each.event} for each in self.differences]
        return {"campaign": self.campaign, "counts": self.counts, "differences": found}


def reconcile(target: Target, campaign: str) -> Compared:
    """Compare everything that a campaign's rows and events say of each other.

    Raises:
        OperationError: there is no such campaign.
        TargetError: the database cannot be reached.
    """
    with target.connected(OWNER) as connection:
        return compare(connection, campaign, target.command("verify-audit"))


def compare(connection: Connection, campaign: str, command: str = "make verify-audit") -> Compared:
    """Run every check in one snapshot.

    Raises:
        OperationError: there is no such campaign.
    """
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    asked = {"campaign": campaign}
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM campaigns WHERE campaign_id = %(campaign)s", asked)
        if not cursor.rowcount:
            raise OperationError(f"There is no campaign {campaign}: vigie campaigns list names them.")
        cursor.execute(COUNTED, asked)
        counts = dict(zip(NAMES, cursor.fetchone() or (), strict=True))
        found: list[Difference] = []
        for problem, query in CHECKS.items():
            cursor.execute(query, asked)
            found += [Difference(problem, *(each and str(each) for each in row)) for row in cursor.fetchall()]
    return Compared(campaign, counts, found, command)
