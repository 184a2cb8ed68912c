"""A version of the catalogue: what offers cost and save, to whom they may be made, how often anybody is contacted.

Read from a file by `vigie.catalogue_file`, and by the action agent from the database.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

# By feature: {"min": 12}, {"max": 60}, both, or {"in": ["a", "b"]}.
type Requirements = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Texts:
    """An offer's reviewed words, in both languages; they never change under one code."""

    title_fr: str
    title_en: str
    message_fr: str
    message_en: str


@dataclass(frozen=True, slots=True)
class CatalogueOffer:
    """An offer's money and conditions. A condition that is empty always holds; money is in euros."""

    offer_id: str
    cost_eur: float
    save_rate: float
    save_rate_source: str
    segments: tuple[str, ...]
    channels: tuple[str, ...]
    topics: tuple[str, ...] = ()
    tones: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    requires: Requirements = field(default_factory=dict)
    cooldown_days: int = 0
    valid_from: date | None = None
    valid_until: date | None = None
    budget_line: str | None = None
    second_approval: bool = False

    def is_valid_on(self, day: date) -> bool:
        """Whether the offer may be made on a day; both ends of its period belong to it."""
        return (self.valid_from or day) <= day <= (self.valid_until or day)


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a customer may be contacted, and how close in value offers are to leave the choice to the model."""

    per_customer_days: int
    most_per_year: int
    quiet_days_after_complaint: int
    margin_eur: float
    default_yearly_value_eur: float | None = None
    per_channel_days: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as the database keeps it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A version as it stands in its file, of which `content` is the text."""

    version: str
    content: str
    policy: Policy
    offers: tuple[CatalogueOffer, ...]
    texts: Mapping[str, Texts]

    def offers_as_json(self) -> list[dict[str, Any]]:
        """Return the offers with their texts, as the database's function takes them."""
        return [
            {name: _plain(value) for name, value in (asdict(offer) | asdict(self.texts[offer.offer_id])).items()}
            for offer in self.offers
        ]


def meets(requirement: Mapping[str, Any], value: Any) -> bool | None:
    """Whether a feature's value fulfils a requirement; None for want of a value of its kind."""
    if value is None:
        return None
    if "in" in requirement:
        return any(_kind(value) == _kind(one) and value == one for one in requirement["in"])
    if _kind(value) != "number":
        return None
    return bool(requirement.get("min", value) <= value <= requirement.get("max", value))


def _kind(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
