"""Counterfactuals as sentences, in both languages."""

import json

import pytest

from tests.fakes.scorers import SCORER_BYTES
from vigie_scoring import Scorer
from vigie_scoring.counterfactual import Change, Counterfactual, find_counterfactual
from vigie_scoring.counterfactual_words import say_counterfactual

BALANCE = {
    "en": {"label": "Balance", "many": "Balance of €{value}"},
    "fr": {"label": "Solde", "many": "Solde de {value} €"},
}
PRODUCTS = {
    "en": {"label": "Products", "one": "Only one product", "many": "{Count} products"},
    "fr": {"label": "Produits", "one": "Un seul produit", "many": "{Count} produits"},
}


@pytest.fixture
def scorer() -> Scorer:
    raw = json.loads(SCORER_BYTES)
    raw["features"] += [
        {"name": "balance", "type": "number", "sensitive": False, "words": BALANCE},
        {"name": "products", "type": "integer", "sensitive": False, "words": PRODUCTS},
    ]
    return Scorer.from_json(json.dumps(raw))


def say(scorer: Scorer, language: str, *changes: tuple[str, object, object], segment: str = "Medium") -> str:
    made = tuple(Change(name, before, after, 1.0) for name, before, after in changes)
    return say_counterfactual(scorer, Counterfactual(made, "High", segment, 0.5), language)


def test_one_complaint_less(scorer: Scorer) -> None:
    assert say(scorer, "en", ("complaints", 3, 2)) == "With one fewer complaint, Medium instead of High."
    assert say(scorer, "fr", ("complaints", 3, 2)) == "Avec une réclamation de moins, Moyen au lieu d’Élevé."


def test_more_and_several(scorer: Scorer) -> None:
    assert say(scorer, "en", ("complaints", 1, 3)) == "With two more complaints, Medium instead of High."
    assert say(scorer, "fr", ("complaints", 20, 3)) == "Avec 17 réclamations de moins, Moyen au lieu d’Élevé."


def test_the_period_stands_last() -> None:
    raw = json.loads(SCORER_BYTES)
    raw["features"][0]["words"]["fr"] = {"one": "Une plainte en 90 jours", "many": "{Count} plaintes en 90 jours"}
    assert say(Scorer.from_json(json.dumps(raw)), "fr", ("complaints", 5, 3)) == (
        "Avec deux plaintes de moins en 90 jours, Moyen au lieu d’Élevé."
    )


def test_what_is_not_counted_is_said_as_a_fact(scorer: Scorer) -> None:
    said = say(scorer, "en", ("balance", 1234.5, 2000.0), ("products", 2, 1), segment="Low")
    assert said == (
        "With “Balance of €2,000” instead of “Balance of €1,234” and “Only one product” instead of “Two products”, "
        "Low instead of High."
    )
    assert "«\u00a0Solde de 2\u202f000 €\u00a0» au lieu de" in say(scorer, "fr", ("balance", 1234.5, 2000.0))


def test_a_found_one_is_said_in_both_languages() -> None:
    scorer = Scorer.from_json(SCORER_BYTES)
    row = {"complaints": 5, "sentiment_score": 0.0}
    found = find_counterfactual(scorer, row, lambda p: "High" if p >= 0.7 else "Medium" if p >= 0.35 else "Low")
    assert found is not None
    assert say_counterfactual(scorer, found, "en") == "With three fewer complaints, Medium instead of High."
    assert say_counterfactual(scorer, found, "fr") == "Avec trois réclamations de moins, Moyen au lieu d’Élevé."
