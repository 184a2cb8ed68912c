"""What every question shares: untrusted text between unguessable markers, answers checked against their schema."""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import fastjsonschema

from vigie_llm.answer_scan import scan_words
from vigie_llm.errors import AnswerRejectedError
from vigie_llm.guard import scan_answer
from vigie_llm.identity import KnownIdentity

# Categories Cc, but for the line's end, and Cs.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
BOUNDS = {"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"}


def enclose(tag: str, text: str) -> str:
    """Text between markers whose id the text cannot have guessed."""
    marker = secrets.token_hex(16)
    return f'<{tag} id="{marker}">\n{text}\n</{tag} id="{marker}">'


def strict_object(properties: dict[str, Any]) -> dict[str, Any]:
    """A schema as strict answers need it: every field required, no other allowed."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def for_the_wire(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without bounds on lengths and values: providers' strict modes refuse some; we check them ourselves."""
    return {
        key: for_the_wire(value) if isinstance(value, dict) else value
        for key, value in schema.items()
        if key not in BOUNDS
    }


def parse_answer(content: str, validate: Callable[[object], object]) -> dict[str, Any]:
    """An answer's JSON, when it is of its schema.

    Raises:
        AnswerRejectedError: it is not; what it said is not repeated.
    """
    try:
        parsed = json.loads(content, parse_constant=_refuse_constant)
        validate(parsed)
    except fastjsonschema.JsonSchemaValueException:  # a ValueError, too
        raise AnswerRejectedError(["SCHEMA"]) from None
    except (ValueError, RecursionError):
        raise AnswerRejectedError(["NOT_JSON"]) from None
    result: dict[str, Any] = parsed
    return result


def _refuse_constant(name: str) -> None:
    """NaN and Infinity: Python reads them, JSON and the database do not know them."""
    raise ValueError(f"{name} is not JSON")


def find_faults(text: str, known: KnownIdentity) -> tuple[str, ...]:
    """Kinds of what a model's own words should not hold: personal data, a link, a number, an amount, no plain words.

    A help for whoever reviews a draft, not a filter that holds: harm can be said in plain words. Control characters
    and halves of characters count too: the database cannot store them.
    """
    if _CONTROL.search(text):
        return ("CONTROL_CHARACTER",)
    found = (*(finding.label for finding in scan_answer([text], known)), *scan_words([text], known))
    return tuple(dict.fromkeys(found))
