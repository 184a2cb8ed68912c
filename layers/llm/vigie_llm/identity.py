"""What the bank knows of a customer, and what a pseudonymised message is."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """Everything the bank knows of one customer; any field may be None or empty.

    `phone` is E.164 (+33...), `birth_date` an ISO string or a date.
    """

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    birth_date: str | date | None = None
    iban: str | None = None
    customer_number: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A masked stretch of the original text: text[start:end], with its label."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Pseudonymised:
    """The message with placeholders, how many spans of each label went, and where they were."""

    text: str
    counts: dict[str, int]
    spans: tuple[Span, ...]
