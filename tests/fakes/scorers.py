"""A scorer that a person can add up by hand, in the real scorer's format."""

import hashlib
import json
from typing import Any

COMPLAINTS_WORDS = {
    "en": {"label": "Complaints", "zero": "No complaint", "one": "One complaint", "many": "{Count} complaints"},
    "fr": {"label": "Réclamations", "zero": "Aucune réclamation", "one": "Une réclamation",
           "many": "{Count} réclamations"},
}  # fmt: skip
SENTIMENT_WORDS = {"en": {"label": "Sentiment"}, "fr": {"label": "Sentiment"}}

# Log-odds: -1, plus 0 / 1 / 3 for none, one or two, more complaints (0.5 missing), minus the sentiment (0.25 missing).
SCORER: dict[str, Any] = {
    "format": "vigie-scorer-1",
    "version": "tiny-1",
    "kind": "ebm",
    "contract": {"name": "tiny", "fingerprint": "f" * 64},
    "intercept": -1.0,
    "features": [
        {"name": "complaints", "type": "integer", "sensitive": False, "range": [0, 50], "words": COMPLAINTS_WORDS},
        {"name": "sentiment_score", "type": "number", "sensitive": False, "range": [-1, 1], "words": SENTIMENT_WORDS},
    ],
    "terms": [
        {
            "features": ["complaints"],
            "axes": [{"feature": "complaints", "cuts": [0.5, 2.5]}],
            "table": [0.5, 0.0, 1.0, 3.0, 0.5],
        },
        {"features": ["sentiment_score"], "slope": -1.0, "offset": 0.0, "missing": 0.25, "unknown": 0.25},
    ],
}
SCORER_BYTES = json.dumps(SCORER).encode()
SCORER_SHA256 = hashlib.sha256(SCORER_BYTES).hexdigest()
