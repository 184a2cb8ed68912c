"""A run's accounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.accounting import account_for, feature_labels
from vigie.vocabulary import Step

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def row(step: str, outcome: str, reason: str | None, customers: int, second: int) -> dict[str, Any]:
    at = START + timedelta(seconds=second)
    return {
        "step": step,
        "outcome": outcome,
        "reason": reason,
        "customers": customers,
        "first_at": START,
        "last_at": at,
    }


def test_customers_are_counted_by_outcome_and_reason() -> None:
    accounts = account_for(
        [
            row("analyse", "done", None, 70, 10),
            row("analyse", "skipped", "NoConsent", 20, 40),
            row("analyse", "skipped", "NoFeedback", 9, 5),
            row("analyse", "withdrawn", "ConsentWithdrawn", 1, 5),
        ]
    )
    analyse = accounts[Step.ANALYSE]
    assert (analyse.ended, analyse.outcomes["skipped"], analyse.without_consent) == (100, 29, 21)
    assert analyse.seconds == 40


def test_a_step_that_no_customer_reached_is_empty() -> None:
    assert account_for([])[Step.DECIDE].ended == 0
    assert account_for([])[Step.DECIDE].seconds is None


def test_features_are_named_as_their_contract_names_them() -> None:
    contract = '[[feature]]\nname = "logins_30d"\n[feature.words.fr]\nlabel = "Connexions"\n[[feature]]\nname = "x"\n'
    assert feature_labels(contract, "fr") == {"logins_30d": "Connexions"}
    assert feature_labels("not toml [", "fr") == {}
