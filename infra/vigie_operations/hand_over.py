"""Hand approved actions over: files with names and a signed receipt, and a message for each action.

The database decides what may leave, and remembers that it did (infra/migrations/0026_hand_over.sql). What comes after
its commit can be done again: `write_again` writes what was lost, and the receiver knows a message by its proposal's id.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from vigie.canonical import canonical_json
from vigie_operations.acting import acting
from vigie_operations.audit_export import as_pem, public_key
from vigie_operations.errors import OperationError
from vigie_operations.hand_over_files import HandOver, Item, Receipt, check_command, write_files
from vigie_operations.private_files import private_folder
from vigie_operations.targets import Target

OPERATOR = "operator"
AT_ONCE = 10  # what SNS takes in one request


@dataclass(frozen=True)
class Delivered:
    """What was handed over, and where its files are; nothing when nothing was ready."""

    hand_over: HandOver | None
    folder: Path | None = None
    items: int = 0

    def lines(self) -> list[str]:
        """Return what to print of it."""
        if self.hand_over is None or self.folder is None:
            return ["Nothing new to hand over: no approved action whose customer consents now is waiting."]
        left_out = self.hand_over.items - self.items
        return [
            f"Handed over: {self.items} actions, hand-over {self.hand_over.hand_over_id}",
            *([f"Left out: {left_out}, answered already or not to be sent any more"] if left_out else []),
            str(self.folder),
            f"Check the receipt: {check_command(self.folder)}",
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as JSON can hold it."""
        found = self.hand_over
        return {
            "hand_over_id": found and str(found.hand_over_id),
            "items": self.items,
            "items_sha256": found and found.items_sha256,
            "folder": self.folder and str(self.folder),
        }


def hand_over(target: Target, campaign: str, person: str, folder: Path | None = None) -> Delivered:
    """Hand over what is approved in a campaign and was not handed over yet; write files, publish messages.

    Raises:
        OperationError: the database refuses it, so that nothing was handed over; or it is handed over, and what came
            after was not finished, which the text says.
        TargetError: the target cannot be reached.
    """
    with acting(target, OPERATOR) as cursor:
        cursor.execute("SELECT * FROM hand_over(%s, %s)", (person, campaign))
        found = cursor.fetchall()
        if not found:
            return Delivered(None)
        made, items = _with_names(cursor, person, campaign, found[0]["hand_over_id"], found)
    return _finish(target, made, items, folder)


def write_again(target: Target, hand_over_id: uuid.UUID, person: str, folder: Path | None = None) -> Delivered:
    """Write an earlier hand-over's files anew, and publish its messages again, as far as they may still leave.

    Raises:
        As `hand_over`.
    """
    with acting(target, OPERATOR) as cursor:
        cursor.execute("SELECT * FROM hand_over_again(%s, %s)", (person, str(hand_over_id)))
        found = cursor.fetchall()
        cursor.execute("SELECT campaign_of_hand_over(%s, %s) AS campaign", (person, str(hand_over_id)))
        campaign = cursor.fetchone()["campaign"]
        made, items = _with_names(cursor, person, campaign, str(hand_over_id), found)
    return _finish(target, made, items, folder)


def hand_overs(target: Target, campaign: str, person: str) -> list[dict[str, Any]]:
    """Return a campaign's hand-overs and how many of their actions were answered in which way, oldest first.

    Raises:
        OperationError: the database refuses it.
    """
    with acting(target, OPERATOR) as cursor:
        cursor.execute("SELECT * FROM list_hand_overs(%s, %s)", (person, campaign))
        return [
            {name: value if isinstance(value, int) else str(value) for name, value in row.items()}
            for row in cursor.fetchall()
        ]


def line(row: dict[str, Any]) -> str:
    """Return one of `hand_overs` as a line to print."""
    answers = ", ".join(f"{row[name]} {name}" for name in ("delivered", "failed", "refused", "unanswered") if row[name])
    return f"{row['hand_over_id']}  {row['handed_at'][:16]}  {row['person']}  {row['items']} actions: {answers}"


def _with_names(
    cursor: Any, person: str, campaign: str, hand_over_id: object, found: Iterable[dict[str, Any]]
) -> tuple[HandOver, list[Item]]:
    """Put names to actions, in the transaction that read them: a withdrawal waits until both are read."""
    cursor.execute("SELECT * FROM list_hand_overs(%s, %s)", (person, campaign))
    [row] = [each for each in cursor.fetchall() if str(each["hand_over_id"]) == str(hand_over_id)]
    made = HandOver(
        hand_over_id=str(hand_over_id), campaign=campaign, handed_at=row["handed_at"], items=row["items"],
        items_sha256=row["items_sha256"], event_id=str(row["event_id"]),
    )  # fmt: skip
    cursor.execute("SELECT * FROM recipients(%s, %s)", (person, str(hand_over_id)))
    names = {str(each["recipient_ref"]): each for each in cursor.fetchall()}
    return made, [Item.of(campaign, each, names[str(each["recipient_ref"])]) for each in found]


def _finish(target: Target, made: HandOver, items: list[Item], folder: Path | None) -> Delivered:
    """Do what comes after the commit: sign, write, publish. All of it can be repeated."""
    try:
        place = folder or private_folder(target.folder / "hand-overs") / made.hand_over_id
        key = target.output("HandOverKeyArn")
        receipt = Receipt(made, datetime.datetime.now(datetime.UTC), as_pem(public_key(target, key)))
        write_files(place, items, receipt, _signer(target, key))
        publish(target, items)
    except (OperationError, OSError, ClientError, BotoCoreError) as error:
        raise OperationError(
            f"Hand-over {made.hand_over_id} is recorded, but its files or messages are not complete ({error}). Mend "
            f"the cause, then: vigie hand-over --again {made.hand_over_id}"
        ) from error
    return Delivered(made, place, len(items))


def _signer(target: Target, key: str) -> Callable[[bytes], bytes]:
    def sign(text: bytes) -> bytes:
        kms = target.client("kms")
        signed = kms.sign(KeyId=key, Message=text, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")
        return bytes(signed["Signature"])

    return sign


def publish(target: Target, items: list[Item]) -> None:
    """Publish a message for each action: no personal data. Its attributes name it, however often it comes.

    Raises:
        OperationError: SNS took some of them only.
    """
    sns, topic = target.client("sns"), target.output("HandedOverTopicArn")
    for start in range(0, len(items), AT_ONCE):
        entries = [_entry(number, item) for number, item in enumerate(items[start : start + AT_ONCE])]
        refused = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries).get("Failed", [])
        if refused:
            raise OperationError(f"the topic refused {len(refused)} messages: {refused[0].get('Code')}")


def _entry(number: int, item: Item) -> dict[str, Any]:
    told = item.without_names()
    named = {name: told[name] for name in ("campaign", "hand_over_id", "proposal_id")}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in named.items()}
    return {"Id": str(number), "Message": canonical_json(told), "MessageAttributes": attributes}
