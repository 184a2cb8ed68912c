"""Read labelled feedback (tests/data/feedback_dev.md) into messages with spans."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.evaluations.privacy.corpus import LabelledMessage
from vigie_llm.pseudonymise import KnownIdentity, Span

ANNOTATION = re.compile(r"\[\[([A-Z_]+)\|([^\[\]|]+)\]\]")


class CannotMeasureError(RuntimeError):
    """When a file is missing, empty or not in the documented format."""


def read_labelled(path: Path) -> list[LabelledMessage]:
    """Every message of a file in the format of the shared evaluation set.

    Raises:
        CannotMeasureError: names the file, the line and the remedy.
    """
    messages = [_message(path, number, line) for number, line in numbered_lines(path)]
    if not messages:
        raise CannotMeasureError(f"{path} holds no message; give a labelled file")
    return messages


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that hold something, with their numbers; a line ends at a line feed, whatever Unicode has besides.

    Raises:
        CannotMeasureError: names the file and the remedy.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except OSError as error:
        raise CannotMeasureError(f"{path}: {error.strerror}; give a labelled file") from None
    except UnicodeDecodeError as error:
        raise CannotMeasureError(f"{path}: no UTF-8 at byte {error.start}; save the file as UTF-8") from None
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def _message(path: Path, number: int, line: str) -> LabelledMessage:
    try:
        row = json.loads(line)
        text, spans = strip_annotations(row["text"])
        return LabelledMessage(text, spans, identity_of(row.get("customer") or {}), _language(row["language"]))
    except KeyError as error:
        problem = f"field {error} is missing"
    except (ValueError, TypeError, AttributeError) as error:
        problem = str(error)
    raise CannotMeasureError(f"{path}, line {number}: {problem}; see tests/data/feedback_dev.md for the fields")


def _language(value: object) -> str:
    if value not in {"fr", "en"}:
        raise ValueError(f"language {value!r} is not known; use fr or en")
    return str(value)


def identity_of(customer: Mapping[str, Any]) -> KnownIdentity:
    """What the bank knows of a customer; fields may be missing, empty or numbers."""
    values = {name: customer.get(name) for name in KnownIdentity.__dataclass_fields__}
    return KnownIdentity(**{name: None if value is None else str(value) for name, value in values.items()})


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
