"""A run's accounts from its step counts: the outcome of every planned customer, step by step."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vigie.vocabulary import WANT_OF_CONSENT, Step


@dataclass
class StepAccount:
    """Customers of one step, by outcome and by reason, and when its first and last customer ended."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def ended(self) -> int:
        return self.outcomes.total()

    @property
    def without_consent(self) -> int:
        """Customers left out because consent was missing or withdrawn."""
        return sum(self.reasons[reason] for reason in WANT_OF_CONSENT)

    @property
    def seconds(self) -> float | None:
        """From the first customer's end to the last one's."""
        return (self.last_at - self.first_at).total_seconds() if self.first_at and self.last_at else None


def account_for(rows: Iterable[dict[str, Any]]) -> dict[Step, StepAccount]:
    """Accounts of the three steps from `queries.count_steps`; a step that no customer reached is empty."""
    accounts = {step: StepAccount() for step in Step}
    for row in rows:
        account = accounts[row["step"]]
        account.outcomes[row["outcome"]] += row["customers"]
        if row["reason"]:
            account.reasons[row["reason"]] += row["customers"]
        account.first_at = min(filter(None, (account.first_at, row["first_at"])), default=None)
        account.last_at = max(filter(None, (account.last_at, row["last_at"])), default=None)
    return accounts


def feature_labels(contract_toml: str, language: str) -> dict[str, str]:
    """Feature names to the labels a feature contract gives them in that language."""
    try:
        contract = tomllib.loads(contract_toml)
    except tomllib.TOMLDecodeError:
        return {}
    labels = {}
    for feature in contract.get("feature", []):
        label = feature.get("words", {}).get(language, {}).get("label")
        if label:
            labels[str(feature["name"])] = str(label)
    return labels
