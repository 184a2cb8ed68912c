"""The message that a state machine sends to an agent: a claim check, no personal data."""

import json
from dataclasses import dataclass
from typing import Any

from vigie.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class BatchMessage:
    """One batch of one run, and the token to answer. `without_model`: the model was unavailable for too long."""

    run_id: str
    batch_no: int
    task_token: str
    without_model: bool = False

    @classmethod
    def parse(cls, body: str, without_model: bool = False) -> "BatchMessage":
        """Read an SQS message body.

        Raises:
            InvalidInputError: names the field that is missing or of the wrong type.
        """
        fields = _parse_object(body)
        return cls(
            run_id=_require(fields, "run_id", str),
            batch_no=_require(fields, "batch_no", int),
            task_token=_require(fields, "task_token", str),
            without_model=without_model,
        )


@dataclass(frozen=True, slots=True)
class SealMessage:
    """A finished run whose audit is to be closed, and the token to answer."""

    run_id: str
    task_token: str

    @classmethod
    def parse(cls, body: str) -> "SealMessage":
        """Read an SQS message body; errors as for `BatchMessage`."""
        fields = _parse_object(body)
        return cls(run_id=_require(fields, "run_id", str), task_token=_require(fields, "task_token", str))


def _parse_object(body: str) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidInputError("message body is not a JSON object: send run_id, batch_no and task_token")
    return parsed


def _require[T](fields: dict[str, Any], name: str, of: type[T]) -> T:
    value = fields.get(name)
    if not isinstance(value, of) or value == "" or isinstance(value, bool):
        raise InvalidInputError(f"message field {name} must be a non-empty {of.__name__}")
    return value
