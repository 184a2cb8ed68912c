"""The bank that is measured: the demo bank's customers, each with feedback and every consent."""

from __future__ import annotations

import csv
import random
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from model.synthesise import CONSENT_COLUMNS, FEEDBACK_COLUMNS, POLICY_VERSION, PURPOSES, SEED, synthesise
from model.synthetic_feedback import FeedbackWriter

CONSENTED_AT = "2026-01-15T09:00:00Z"
RECEIVED_AT = "2026-06-15T09:00:00Z"

Row = dict[str, str]


def write_bank(folder: Path, customers: int, seed: int = SEED) -> None:
    """Write the demo bank's files, then add feedback and consent for every purpose to every customer.

    A run of this bank makes two calls to the model for every customer, which is the most there can be.
    """
    synthesise(folder, customers, seed)
    people = _read(folder / "customers.csv")
    _write(folder / "consents.csv", CONSENT_COLUMNS, full_consents(people))
    feedback = _read(folder / "feedback.csv")
    silent = {person["customer_id"] for person in people} - {row["customer_id"] for row in feedback}
    heard = [*feedback, *_first_words([person for person in people if person["customer_id"] in silent], seed)]
    _write(folder / "feedback.csv", FEEDBACK_COLUMNS, heard)


def full_consents(people: Iterable[Row]) -> Iterator[Row]:
    """A granted consent for every person and purpose."""
    for person in people:
        for purpose in PURPOSES:
            values = (person["customer_id"], purpose, "true", "web", POLICY_VERSION, CONSENTED_AT)
            yield dict(zip(CONSENT_COLUMNS, values, strict=True))


def _first_words(people: Iterable[Row], seed: int) -> Iterator[Row]:
    writer, draw = FeedbackWriter.shipped(), random.Random(f"{seed}/silent")
    for person in people:
        text = writer.write(person, "neutral", 0.0, draw)
        feedback_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        values = (feedback_id, person["customer_id"], RECEIVED_AT, "app", person["language"], text)
        yield dict(zip(FEEDBACK_COLUMNS, values, strict=True))


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _write(path: Path, header: tuple[str, ...], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        out = csv.DictWriter(stream, header, lineterminator="\n")
        out.writeheader()
        out.writerows(rows)
