"""What the receiver of a hand-over answers: a CSV or JSON Lines file with an answer for each action."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vigie.vocabulary import DeliveryAnswer
from vigie_operations.acting import acting
from vigie_operations.errors import OperationError
from vigie_operations.hand_over import OPERATOR
from vigie_operations.targets import Target

FIELDS = ("hand_over_id", "proposal_id", "answer")


def record_answers(target: Target, path: Path, person: str) -> dict[str, Any]:
    """Store a file's answers; those of before may be among them, and change nothing.

    Raises:
        OperationError: the file or an answer is refused: nothing of it was stored.
        TargetError: the target cannot be reached.
    """
    hand_over_id, answers = read_answers(path)
    given = [{"proposal_id": proposal_id, "answer": answer} for proposal_id, answer in answers.items()]
    with acting(target, OPERATOR) as cursor:
        cursor.execute("SELECT answer_hand_over(%s, %s, %s) AS news", (person, hand_over_id, json.dumps(given)))
        return {"hand_over_id": hand_over_id, "answers": len(answers), "new": int(cursor.fetchone()["news"])}


def read_answers(path: Path) -> tuple[str, dict[str, str]]:
    """Return the hand-over that a file answers, and each proposal's answer.

    Fields that the file has besides those of `FIELDS`, such as those of the hand-over itself, are not read.

    Raises:
        OperationError: the file cannot be read, names several hand-overs, or contradicts itself; names the line.
    """
    hand_overs: set[str] = set()
    answers: dict[str, str] = {}
    for line, row in _rows(path):
        for name in FIELDS[:2]:
            _require_uuid(path, line, name, row[name])
        if row["answer"] not in set(DeliveryAnswer):
            raise OperationError(
                f"{path}, line {line}: answer {row['answer']!r} is not one of {', '.join(DeliveryAnswer)}"
            )
        if answers.setdefault(row["proposal_id"].lower(), row["answer"]) != row["answer"]:
            raise OperationError(f"{path}, line {line}: proposal {row['proposal_id']} is answered twice, differently")
        hand_overs.add(row["hand_over_id"].lower())
    if len(hand_overs) != 1:
        raise OperationError(f"{path} answers {len(hand_overs)} hand-overs: give one file for each")
    return hand_overs.pop(), answers


def _require_uuid(path: Path, line: int, name: str, value: str) -> None:
    try:
        uuid.UUID(value)
    except ValueError:
        raise OperationError(f"{path}, line {line}: {name} {value!r} is not an id of the hand-over's file") from None


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Give each answer with its line's number, its three fields as text."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OperationError(f"{path} cannot be read as UTF-8: {error}") from error
    read = _json_lines if text.lstrip().startswith("{") else _csv_lines
    for line, row in read(path, text):
        missing = [name for name in FIELDS if not isinstance(row.get(name), str)]
        if missing:
            raise OperationError(
                f"{path}, line {line}: {', '.join(missing)} missing; each line has {', '.join(FIELDS)}"
            )
        yield line, {name: row[name].strip() for name in FIELDS}


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise OperationError(f"{path}, line {number} is not JSON: {error}") from None
            if not isinstance(row, dict):
                raise OperationError(f"{path}, line {number} is not a JSON object")
            yield number, row


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """French spreadsheets separate by semicolons."""
    delimiter = ";" if ";" in text.split("\n", 1)[0] else ","
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in table:
            yield table.line_num, row
    except csv.Error as error:
        raise OperationError(f"{path}, line {table.line_num} is not CSV: {error}") from None
