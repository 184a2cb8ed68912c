"""What the local rules write for every driver of the shipped contracts passes the guard: no honest word is a name."""

import json
import re
import tomllib
from typing import Any

import pytest

from vigie_llm.asking import guard_texts
from vigie_llm.pseudonymise import KnownIdentity
from vigie_local.settings import REPOSITORY
from vigie_model_server.retention_answers import retention_action

NOBODY = KnownIdentity(None, None, None, None, None, None, None, None)
OFFERS = [{"offer_id": "branch", "title": "Un rendez-vous en agence", "topics": ["branch"], "segments": []}]


def driver_words(contract: str, language: str) -> list[str]:
    """Every label of a contract's features, as a manager reads it."""
    text = (REPOSITORY / "model" / "contracts" / f"{contract}.toml").read_text()
    found: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                if name == language and isinstance(item, dict):
                    found.extend(text for text in item.values() if isinstance(text, str))
                collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)

    collect(tomllib.loads(text))
    return found


@pytest.mark.parametrize("contract", ["bank", "telecom"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_reason_that_names_a_driver_is_kept(contract: str, language: str) -> None:
    labels = driver_words(contract, language)
    assert len(labels) > 5
    for label in labels:
        words = re.sub(r"\{\w+\}|\d+", "", label)
        case = json.dumps({
            "language": language, "segment": "High", "sentiment": "negative", "topics": ["branch"], "summary": None,
            "drivers": [{"words": f"{words[:1].upper()}{words[1:]} : augmente fortement le risque"}],
        })  # fmt: skip
        action = retention_action(case, json.dumps(OFFERS), ())
        guard_texts([str(action["reason"]), str(action["message"])], NOBODY)
