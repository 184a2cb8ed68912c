"""The signed report on how a campaign's reviewers decide, for the auditor.

    report.json            the figures, in canonical JSON
    report.md              the same to read, with how to check it
    inclusion-EVENT.json   the proof that report.json's hash is in the audit trail, under a signed checkpoint
    key.pem                the trail's public key; trust it where it came another way as well

Nobody but the audit agent may use the key that signs (template.yaml, AuditKey), and no person is given it for this: the
report's hash enters the trail as an event, and the next checkpoint signs it with everything before it.
"""

from __future__ import annotations

import datetime
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigie.canonical import canonical_json
from vigie.trail import TrailError
from vigie_operations.acting import acting
from vigie_operations.audit_export import WrittenProof, write_inclusion
from vigie_operations.private_files import private_folder, write_private
from vigie_operations.targets import Target

FORMAT = "vigie-oversight/1"
OFFICER = "officer"
JSON_NAME, TEXT_NAME = "report.json", "report.md"
COLUMNS = {
    "person": "reviewer", "decisions": "decisions", "planted": "planted seen", "caught": "caught",
    "catch": "95 % interval", "under_5s": "under 5 s", "overrides": "rejected or edited",
    "second": "second approvals agreed",
}  # fmt: skip
RULES = (
    "A planted proposal is wrong on purpose: an offer that answers nothing the customer wrote about, a price above the"
    " catalogue's, or words for another situation. It is never handed over.",
    "Caught: rejected, or edited so that what was wrong is gone. Decisions that were undone do not count.",
    "The interval is Wilson's, at 95 %. Of few planted proposals it is wide: it says how little is known.",
    "Decisions in bulk have no time of their own and are not among those under five seconds.",
    "Second approvals: how often two people who saw the same version agreed.",
)
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Report:
    """Where a report is, the audit event that holds its hash, and the proof; none while no checkpoint has it."""

    folder: Path
    sha256: str
    event_id: str
    people: int
    proof: WrittenProof | None

    def lines(self) -> list[str]:
        """Return what to print of it."""
        signed = (
            [f"Signed. Check it: {self.proof.check}"]
            if self.proof
            else [f"Not signed yet. In a minute: vigie audit prove-event {self.event_id} --out {self.folder}"]
        )
        return [
            f"{self.folder / TEXT_NAME}: {self.people} reviewers",
            f"SHA-256 {self.sha256}, in the audit trail as event {self.event_id}",
            *signed,
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as JSON can hold it."""
        return {
            "folder": str(self.folder), "sha256": self.sha256, "event_id": self.event_id, "people": self.people,
            "proof": self.proof and self.proof.as_dict(),
        }  # fmt: skip


def write_report(target: Target, campaign: str, person: str, folder: Path | None = None, wait_s: float = 0) -> Report:
    """Read the figures, note their hash in the trail, write the files, and wait for the checkpoint that signs them.

    Raises:
        OperationError: the database refuses it: no such campaign, or not an officer.
        TargetError: the target cannot be reached.
    """
    made_at = datetime.datetime.now(datetime.UTC)
    with acting(target, OFFICER) as cursor:
        cursor.execute("SELECT * FROM oversight(%s)", (campaign,))
        figures = [dict(row) for row in cursor.fetchall()]
        content = canonical_json(report_of(campaign, figures, made_at))
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        cursor.execute("SELECT record_oversight_report(%s, %s, %s) AS event", (person, campaign, sha256))
        event_id = str(cursor.fetchone()["event"])
    place = folder or private_folder(target.folder / "oversight") / f"{campaign}-{made_at:%Y%m%dT%H%M%S}"
    write_private(place / JSON_NAME, content)
    write_private(place / TEXT_NAME, readable(campaign, figures, made_at, sha256, event_id))
    return Report(place, sha256, event_id, len(figures), prove(target, event_id, place, wait_s))


def report_of(campaign: str, figures: Sequence[Mapping[str, Any]], made_at: datetime.datetime) -> dict[str, Any]:
    """Return what is signed. Shares are text of six decimals, so that every program reads the same."""
    rows = [
        {name: f"{value:.6f}" if isinstance(value, float) else value for name, value in row.items()} for row in figures
    ]
    return {
        "format": FORMAT, "campaign": campaign, "made_at": made_at.isoformat(timespec="seconds"),
        "interval": "wilson-95", "rules": list(RULES), "reviewers": rows,
    }  # fmt: skip


def readable(
    campaign: str, figures: Sequence[Mapping[str, Any]], made_at: datetime.datetime, sha256: str, event_id: str
) -> str:
    """Return the report as Markdown."""
    rows = [_cells(row) for row in figures]
    table = [list(COLUMNS.values()), ["---"] * len(COLUMNS), *rows]
    return "\n".join([
        f"# Oversight of campaign {campaign}", "", f"As of {made_at.isoformat(timespec='seconds')}.", "",
        *("| " + " | ".join(cells) + " |" for cells in table),
        *([] if rows else ["", "Nobody has decided anything yet."]),
        "", "## How to read it", "", *(f"- {rule}" for rule in RULES),
        "", "## How to check it", "",
        f"`sha256sum {JSON_NAME}` gives {sha256}. The audit trail holds that hash as `report_sha256` of the event",
        f"{event_id}. The proof, checked with a key from elsewhere, shows that a signed checkpoint has it:",
        "", "```", f"vigie audit prove-event {event_id} --out .",
        f"python -m vigie.verify inclusion inclusion-{event_id}.json --key key.pem --origin NAME-OF-THE-LOG", "```", "",
    ])  # fmt: skip


def prove(target: Target, event_id: str, folder: Path, wait_s: float) -> WrittenProof | None:
    """Write the proof of an event as soon as a checkpoint has it; nothing when none has in time."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return write_inclusion(target, event_id, folder)
        except TrailError:
            if time.monotonic() >= deadline:
                return None
            time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def _cells(row: Mapping[str, Any]) -> list[str]:
    said = {
        **row,
        "catch": f"{row['catch_low']:.0%} to {row['catch_high']:.0%}" if row["planted"] else "none seen yet",
        "second": f"{row['second_agreed']} of {row['second_seen']}",
    }
    return [str(said[name]) for name in COLUMNS]
