"""What a detail of an audit event may be: the kinds of rules that `vigie.events` is made of."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

# No telephone number, date of birth or account number is as small.
MOST = 10_000_000


class Kind(StrEnum):
    """What a detail's value is; one of `ID` or `TEXT` always stands in a record, too."""

    WORD = "word"
    COUNT = "count"
    COUNTS = "counts"  # a count for each of some words
    FLAG = "flag"
    SHARE = "share"  # a number from 0 to 1
    ID = "id"  # a whole number
    TEXT = "text"


class Record(StrEnum):
    """The row of the database that holds the same value as a detail."""

    RUN = "run"
    REDRIVE = "redrive"
    CALL = "call"
    CONSENT = "consent"
    RESULT = "result"
    MODEL = "model"
    CHECKPOINT = "checkpoint"
    DEAD_LETTER = "dead_letter"
    CATALOGUE = "catalogue"
    CAMPAIGN = "campaign"
    PROPOSAL = "proposal"
    PERSON = "person"
    HAND_OVER = "hand_over"
    OBJECTION = "objection"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one detail of an event may be."""

    kind: Kind
    words: tuple[str, ...] = ()
    pattern: str = ""
    record: Record | None = None
    nullable: bool = False

    def of(self, record: Record) -> "Rule":
        """Return the same rule, where the value is also what this record holds."""
        return replace(self, record=record)

    def schema(self) -> dict[str, Any]:
        """Return it as a JSON schema."""
        match self.kind:
            case Kind.WORD:
                return {"enum": list(self.words)}
            case Kind.COUNTS:
                return {"type": "object", "propertyNames": {"enum": list(self.words)}, "additionalProperties": _COUNT}
            case Kind.COUNT:
                return _COUNT
            case Kind.ID:
                return {"type": ["integer", "null"] if self.nullable else "integer", "minimum": 0}
            case Kind.FLAG:
                return {"type": "boolean"}
            case Kind.SHARE:
                return {"type": "number", "minimum": 0, "maximum": 1}
            case Kind.TEXT:
                return {"type": "string", "pattern": self.pattern}


_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": MOST}


def one_of(*words: str) -> Rule:
    """Return the rule of a closed list; as plain text, because the validator's compiler writes what it is given."""
    return Rule(Kind.WORD, tuple(str(word) for word in words))


def counts_of(words: Iterable[str]) -> Rule:
    """Return the rule of a count for each of some words."""
    return Rule(Kind.COUNTS, tuple(str(word) for word in words))


def text(pattern: str, record: Record) -> Rule:
    """Return the rule of a text that a record holds as well."""
    return Rule(Kind.TEXT, pattern=pattern, record=record)
