"""One person's sitting at the review queue: the case before them, what they decided, what the page has to tell them.

Every change is one call of a function of the database. After a lost connection nothing is asked twice: what was decided
is looked up first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from dashboard.acting import Person
from dashboard.connection import Database
from dashboard.errors import BusyError, OutcomeUnknownError, RefusedError
from dashboard.review_queries import REVIEWABLE, decision_since, list_claims, now_of, state_of

CLAIM = 20
# A key that is held down, or pressed twice, decides nothing on a case that has just appeared.
LEAST_SECONDS = 0.7
Row = dict[str, Any]


@dataclass
class Notice:
    """Something to say once: a key of texts.toml, its values, and the database's own words."""

    key: str
    values: dict[str, str] = field(default_factory=dict)
    said: str = ""
    tone: str = "medium"


@dataclass
class Sitting:
    """What is kept between two clicks."""

    person: Person
    db: Database
    campaign: str
    started: datetime
    case: Row | None = None
    state: Row | None = None
    passed_over: list[UUID] = field(default_factory=list)
    decided: list[tuple[UUID, str]] = field(default_factory=list)
    bulk: list[UUID] = field(default_factory=list)
    dialog: str = ""
    notice: Notice | None = None
    drawn_at: float | None = None

    @property
    def proposal(self) -> UUID | None:
        """The proposal before the reviewer."""
        return self.state["proposal_id"] if self.state else None

    def claims(self) -> list[Row]:
        """What this person holds: those passed over come last."""
        rows = list_claims(self.db, self.campaign, self.person.name)
        order = {proposal: place for place, proposal in enumerate(self.passed_over)}
        return sorted(rows, key=lambda row: order.get(row["proposal_id"], -1))

    def attempt(self, act: Callable[[], None]) -> bool:
        """Do something that the database may refuse; what it says goes into the notice and the case is read again."""
        self.notice = None
        try:
            act()
        except RefusedError as error:
            said = " ".join(filter(None, (error.values["message"], error.values["hint"])))
            self.notice = Notice("review.refused", said=said, tone="high")
        except BusyError:
            self.notice = Notice("review.busy_now")
            return False
        except OutcomeUnknownError:
            self.notice = Notice("review.unknown_looked", tone="high")
        else:
            return True
        self.reload(self.notice)
        return False

    def claim(self, most: int = CLAIM) -> None:
        """Claim the next ones of the queue."""
        self.person.role.call(
            "SELECT * FROM claim_proposals(%(who)s, %(most)s, %(campaign)s)",
            {"who": self.person.name, "most": most, "campaign": self.campaign},
        )

    def advance(self) -> None:
        """Open the next case, claiming more when none is left; none: the case stays empty."""
        if self.case is not None and self.proposal is not None:
            self.passed_over = [p for p in self.passed_over if p != self.proposal] + [self.proposal]
        if not self.claims():
            self.claim()
        self.show_first()

    def show_first(self) -> None:
        """Open the first of the claims, or nothing."""
        held = self.claims()
        self.case = self.state = None
        if held:
            self.open(held[0]["proposal_id"])

    def open(self, proposal: UUID) -> None:
        """Show a case; the time to decide counts from here."""
        shown = self.person.role.call(
            "SELECT open_case(%(who)s, %(id)s) AS seen", {"who": self.person.name, "id": proposal}
        )
        self.case, self.state = shown[0]["seen"], state_of(self.db, proposal)
        self.dialog, self.drawn_at = "", None

    def reload(self, notice: Notice | None = None) -> None:
        """Read the case again, and say why it changed or is no longer this person's."""
        why = staleness(self)
        proposal, self.dialog = self.proposal, ""
        self.case = self.state = None
        if proposal and why in (None, "review.bytes_changed"):
            try:
                self.open(proposal)
            except (RefusedError, BusyError, OutcomeUnknownError):
                why = why or "review.claim_ended"
        said, tone = (notice.said, notice.tone) if notice else ("", "medium")
        self.notice = Notice(why, said=said, tone=tone) if why else notice

    def decide(self, decision: str, reason: str) -> None:
        """Approve, approve second or reject the very bytes that were shown; then open the next case."""
        if self.case is None or self.state is None or self.is_too_quick():
            return
        proposal: UUID = self.state["proposal_id"]
        before = now_of(self.db)
        try:
            self.person.role.call(
                "SELECT decide(%(who)s, %(id)s, %(decision)s, %(sha256)s, %(reason)s)",
                {"who": self.person.name, "id": proposal, "decision": decision, "reason": reason,
                 "sha256": self.case["content_sha256"]},
            )  # fmt: skip
        except OutcomeUnknownError:
            if decision_since(self.db, proposal, self.person.name, before) != decision:
                raise
            self.notice = Notice("review.unknown_done", tone="low")
        self.decided.append((proposal, decision))
        self.show_first()

    def drawn(self) -> None:
        """Note that the page is drawn to its end; keys pressed sooner were meant for what stood there before."""
        if self.drawn_at is None:
            self.drawn_at = time.monotonic()

    def is_too_quick(self) -> bool:
        """Whether a key came before anybody could have read the case; each such key starts the wait again."""
        quick = self.drawn_at is None or time.monotonic() - self.drawn_at < LEAST_SECONDS
        if quick:
            self.drawn_at = None
            self.notice = Notice("review.too_quick")
        return quick

    def edit(self, offer: str, message: str) -> None:
        """Write another version of the proposal, and show it."""
        if self.state is None:
            return
        proposal: UUID = self.state["proposal_id"]
        self.person.role.call(
            "SELECT edit_proposal(%(who)s, %(id)s, %(offer)s, %(message)s)",
            {"who": self.person.name, "id": proposal, "offer": offer, "message": message},
        )
        self.open(proposal)
        self.notice = Notice("review.edited", tone="low")

    def undo(self) -> None:
        """Cancel this sitting's latest decision, and show the case again when the claim allows it."""
        proposal, _ = self.decided[-1]
        self.person.role.call("SELECT undo_decision(%(who)s, %(id)s)", {"who": self.person.name, "id": proposal})
        self.decided.pop()
        # The decision ended the claim: the case is free again, and comes back when it is the next in line.
        self.claim(len(self.claims()) + 1)
        held = {row["proposal_id"] for row in self.claims()}
        if proposal in held:
            self.open(proposal)
        self.notice = Notice("review.undone" if proposal in held else "review.undone_in_queue", tone="low")

    def approve_in_bulk(self, chosen: list[Row]) -> None:
        """Approve many at once: written singly, and named as bulk."""
        done = self.person.role.call(
            "SELECT approve_in_bulk(%(who)s, %(ids)s::uuid[], %(hashes)s) AS bulk",
            {"who": self.person.name, "ids": [str(row["proposal_id"]) for row in chosen],
             "hashes": [row["content_sha256"] for row in chosen]},
        )  # fmt: skip
        self.bulk.append(done[0]["bulk"])
        self.case = self.state = None
        self.notice = Notice("review.bulk_done", {"n": str(len(chosen))}, tone="low")

    def undo_bulk(self) -> None:
        """Cancel this sitting's latest bulk approval."""
        self.person.role.call("SELECT undo_bulk(%(who)s, %(bulk)s)", {"who": self.person.name, "bulk": self.bulk[-1]})
        self.bulk.pop()
        self.notice = Notice("review.bulk_undone", tone="low")

    def release(self) -> None:
        """Give back what was claimed and not decided."""
        self.person.role.call("SELECT release_claims(%(who)s)", {"who": self.person.name})
        self.case = self.state = None
        self.notice = Notice("review.released", tone="low")


def trouble_of(state: Row, person: str, now: datetime) -> str | None:
    """Why a case can no longer be decided by this person: a key of texts.toml; None when it can."""
    if state["state"] == "expired":
        return "review.proposal_expired"
    if state["state"] not in REVIEWABLE:
        return "review.decided_elsewhere"
    if state["claimed_by"] not in (None, person):
        return "review.claimed_by_another"
    if state["claimed_by"] is None or state["claim_expires_at"] is None or state["claim_expires_at"] <= now:
        return "review.claim_ended"
    return None


def staleness(sitting: Sitting) -> str | None:
    """Why the case on the page is no longer what is stored: a key of texts.toml; None when it is."""
    if sitting.case is None or sitting.proposal is None:
        return None
    state = state_of(sitting.db, sitting.proposal)
    if state is None:
        return "review.decided_elsewhere"
    trouble = trouble_of(state, sitting.person.name, now_of(sitting.db))
    if trouble is None and state["content_sha256"] != sitting.case["content_sha256"]:
        return "review.bytes_changed"
    return trouble
