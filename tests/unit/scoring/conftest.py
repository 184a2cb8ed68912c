"""A small scorer that a person can add up by hand."""

import json
from typing import Any

import pytest

from vigie_scoring import Scorer

Json = dict[str, Any]
COMPLAINTS = {
    "en": {"label": "Complaints", "zero": "No complaint", "one": "One complaint", "many": "{Count} complaints"},
    "fr": {"label": "Réclamations", "one": "Une réclamation", "many": "{Count} réclamations"},
}
CHANNEL = {"en": {"label": "Channel", "app": "Uses the app"}, "fr": {"label": "Canal", "app": "Utilise l'appli"}}
BALANCE = {"en": {"label": "Balance"}, "fr": {"label": "Solde"}}
AGE = {"en": {"label": "Age band"}, "fr": {"label": "Tranche d'âge"}}


@pytest.fixture
def raw() -> Json:
    """Complaints (table), channel (words), a pair of both, balance (line), age (sensitive)."""
    axis = {"feature": "complaints", "cuts": [0.5, 2.5]}
    words = {"feature": "channel", "words": ["app", "branch"]}
    return {
        "format": "vigie-scorer-1",
        "version": "test-1",
        "kind": "ebm",
        "contract": {"name": "test", "fingerprint": "f" * 64},
        "intercept": -1.0,
        "features": [
            {"name": "complaints", "type": "integer", "sensitive": False, "range": [0, 50], "words": COMPLAINTS},
            {"name": "channel", "type": "category", "sensitive": False, "words": CHANNEL,
             "categories": ["app", "branch"]},
            {"name": "balance", "type": "number", "sensitive": False, "range": [0, 1000], "words": BALANCE},
            {"name": "age", "type": "category", "sensitive": True, "categories": ["old"], "words": AGE},
        ],
        "terms": [
            {"features": ["complaints"], "axes": [axis], "table": [0.01, -0.3, 0.2, 1.1, 0.02]},
            {"features": ["channel"], "axes": [words], "table": [0.03, -0.1, 0.1, 0.04]},
            {"features": ["complaints", "channel"], "axes": [{**axis, "cuts": [0.5]}, words],
             "table": [[0, 0, 0, 0], [0, 0.2, 0.4, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 0]]},
            {"features": ["balance"], "slope": -0.001, "offset": 0.5, "missing": 0.05, "unknown": 0.06},
            {"features": ["age"], "axes": [{"feature": "age", "words": ["old"]}], "table": [0, 2.0, 0]},
        ],
    }  # fmt: skip


@pytest.fixture
def scorer(raw: Json) -> Scorer:
    return Scorer.from_json(json.dumps(raw))
