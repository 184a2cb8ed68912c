"""The files of a hand-over: actions as CSV and JSON Lines, and a signed receipt. Only their owner may open them.

    actions.csv    for people and spreadsheets: no cell is a formula
    actions.jsonl  for programs: one action a line, in canonical JSON
    receipt.json   what was handed over, and the SHA-256 of both files
    receipt.sig    its signature: ECDSA on P-256 with SHA-256, DER
    key.pem        the public key; trust it where it comes another way as well

The receipt is written last: where it is missing, the files are not complete.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from vigie.canonical import canonical_json, canonical_time
from vigie.spreadsheets import as_text_cell
from vigie_operations.private_files import owner_only

FORMAT = "vigie-hand-over/1"
CSV_NAME, LINES_NAME = "actions.csv", "actions.jsonl"
RECEIPT_NAME, SIGNATURE_NAME, KEY_NAME = "receipt.json", "receipt.sig", "key.pem"
MESSAGE_FIELDS = (
    "campaign", "hand_over_id", "proposal_id", "recipient_ref", "offer_id", "channel", "content_sha256",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One approved action as its receiver gets it. Without the customer's id: the reference stands for it."""

    campaign: str
    hand_over_id: str
    proposal_id: str
    recipient_ref: str
    first_name: str
    last_name: str
    contact: str
    channel: str
    language: str
    offer_id: str
    price_eur: str
    message: str
    content_sha256: str

    @classmethod
    def of(cls, campaign: str, action: Mapping[str, Any], recipient: Mapping[str, Any]) -> Item:
        """Return the action of one row of `hand_over` with the names of one row of `recipients`."""
        values = {"campaign": campaign, **action, **recipient}
        return cls(*("" if values[name] is None else str(values[name]) for name in cls.__dataclass_fields__))

    def without_names(self) -> dict[str, str]:
        """Return what a message tells of it: no name, no contact detail, no words to the customer."""
        whole = asdict(self)
        return {name: whole[name] for name in MESSAGE_FIELDS}


@dataclass(frozen=True)
class HandOver:
    """A row of hand_overs: what was handed over, as the audit event `event_id` tells it."""

    hand_over_id: str
    campaign: str
    handed_at: datetime
    items: int
    items_sha256: str
    event_id: str


@dataclass(frozen=True)
class Receipt:
    """What the receipt says besides the files' hashes, and the public key that verifies it."""

    hand_over: HandOver
    made_at: datetime
    key_pem: bytes

    def text(self, items: list[Item], files: Mapping[str, bytes]) -> bytes:
        """Return the bytes that are signed."""
        made = self.hand_over
        content = {
            "format": FORMAT,
            "hand_over_id": made.hand_over_id,
            "campaign": made.campaign,
            "handed_at": canonical_time(made.handed_at),
            "items": made.items,
            "items_sha256": made.items_sha256,
            "event_id": made.event_id,
            "made_at": canonical_time(self.made_at),
            "in_these_files": {"items": len(items), "items_sha256": items_sha256(items)},
            "files": {
                name: {"bytes": len(content), "sha256": sha256(content).hexdigest()} for name, content in files.items()
            },
        }
        return (json.dumps(content, indent=1) + "\n").encode()


def items_sha256(items: Iterable[Item]) -> str:
    """Return the hash of hand_overs.items_sha256: a line for each action, in the order of the proposals' ids."""
    lines = sorted(f"{item.proposal_id} {item.recipient_ref} {item.content_sha256}\n" for item in items)
    return sha256("".join(lines).encode()).hexdigest()


def write_files(folder: Path, items: list[Item], receipt: Receipt, sign: Callable[[bytes], bytes]) -> None:
    """Sign and write everything; a file that is there is whole, and the receipt comes last."""
    files = {CSV_NAME: as_csv(items), LINES_NAME: as_lines(items)}
    text = receipt.text(items, files)
    signature = sign(text)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / RECEIPT_NAME).unlink(missing_ok=True)
    for name, content in (
        *files.items(),
        (KEY_NAME, receipt.key_pem),
        (SIGNATURE_NAME, signature),
        (RECEIPT_NAME, text),
    ):
        _write_whole(folder / name, content)


def as_csv(items: Iterable[Item]) -> bytes:
    """Return the actions as a table that no spreadsheet evaluates."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(Item.__dataclass_fields__)
    table.writerows([as_text_cell(value) for value in asdict(item).values()] for item in items)
    return text.getvalue().encode()


def as_lines(items: Iterable[Item]) -> bytes:
    """Return the actions as JSON Lines."""
    return "".join(canonical_json(asdict(item)) + "\n" for item in items).encode()


def check_command(folder: Path) -> str:
    """Return the command that checks a receipt's signature."""
    return (
        f"cd {folder} && openssl dgst -sha256 -verify {KEY_NAME} -signature {SIGNATURE_NAME} {RECEIPT_NAME}"
        f" && sha256sum {CSV_NAME} {LINES_NAME}"
    )


@owner_only()
def _write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, on the disk for good, then put it there."""
    beside = path.with_name(f".{path.name}.part")
    beside.unlink(missing_ok=True)
    with beside.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
