"""Reads labelled feedback (tests/data/feedback_dev.md) into messages with spans."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vigie_llm.pseudonymise import KnownIdentity, Span
from vigie_local.privacy.corpus import LabelledMessage

ANNOTATION = re.compile(r"\[\[([A-Z_]+)\|([^\[\]|]+)\]\]")


class CannotMeasureError(RuntimeError):
    """When a file is missing, empty or not in the documented format."""


def read_labelled(path: Path) -> list[LabelledMessage]:
    """Every message of a file in the format of the shared evaluation set.

    Raises:
        CannotMeasureError: names the file, the line and the remedy.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise CannotMeasureError(f"{path}: {error.strerror}; give a labelled file") from None
    messages = [_message(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not messages:
        raise CannotMeasureError(f"{path} holds no message; give a labelled file")
    return messages


def _message(path: Path, number: int, line: str) -> LabelledMessage:
    try:
        row = json.loads(line)
        text, spans = strip_annotations(row["text"])
        return LabelledMessage(text, spans, _identity(row["customer"]), row["language"])
    except (ValueError, KeyError, TypeError) as error:
        raise CannotMeasureError(
            f"{path}, line {number}: {type(error).__name__} {error}; see tests/data/feedback_dev.md for the fields"
        ) from None


def _identity(customer: Mapping[str, Any]) -> KnownIdentity:
    return KnownIdentity(**{name: customer.get(name) for name in KnownIdentity.__dataclass_fields__})


def strip_annotations(annotated: str) -> tuple[str, tuple[Span, ...]]:
    """The raw text, and where its [[LABEL|surface]] annotations stood."""
    pieces: list[str] = []
    spans: list[Span] = []
    length = position = 0
    for match in ANNOTATION.finditer(annotated):
        pieces += [annotated[position : match.start()], match[2]]
        length += match.start() - position
        spans.append(Span(length, length + len(match[2]), match[1]))
        length += len(match[2])
        position = match.end()
    return "".join([*pieces, annotated[position:]]), tuple(spans)
