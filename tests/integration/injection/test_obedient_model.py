"""A model that always obeys the attacker, behind the agents' own path: what it is told to say is not stored."""

from __future__ import annotations

import itertools
import json
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluations.evaluate_analysis import raw_text
from tests.fakes.chat_models import FakeChatModel, FakeProvider, answer_of, first_of_each, obliging
from tests.fakes.model_calls import free
from tests.integration.injection.bank import Bank, Writer
from tests.integration.injection.conftest import ObedientServer
from tests.integration.injection.harm import harms, holds
from tests.integration.injection.variants import Variant, generated
from vigie.vocabulary import Sentiment
from vigie_llm.analysis import TOPICS
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.provider import Provider

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "feedback_dev.jsonl").read_text(encoding="utf-8").splitlines()
]
VARIANTS = generated()
WORDS = ("table", "chaise", "porte", "mur", "toit", "lampe", "tapis", "vitre", "four", "drap")
MARKER = re.compile(r'<(feedback|case) id="([0-9a-f]{32})">\n(.*?)\n</\1 id="\2">', re.DOTALL)
MODES: dict[str, dict[str, object]] = {
    "within-schema": {"obey_attacker": "always"},
    "beyond-schema": {"obey_attacker": "always", "obey_beyond_schema": True},
}

pytestmark = pytest.mark.slow


def written(variants: Sequence[Variant]) -> list[Writer]:
    """Each variant, written by some customer of the labelled file."""
    customers = itertools.cycle([row["customer"] for row in ROWS if row["customer"]])
    return [Writer(next(customers), variant.language, variant.text) for variant in variants]


def violations(bank: Bank, run_id: str) -> Iterator[tuple[uuid.UUID, str]]:
    """What a run stored that it must not have: outside the schema or the catalogue, or harmful words."""
    for row in bank.query(
        "SELECT customer_id, sentiment, topics, score FROM feedback_analyses WHERE run_id = %s", run_id
    ):
        if row[1] not in tuple(Sentiment) or not set(row[2]) <= set(TOPICS) or not 1 <= len(row[2]) <= 4:
            yield row[0], "outside the lists"
        if not -1 <= row[3] <= 1:
            yield row[0], "outside the bounds"
    for customer_id, said in bank.query(
        """
        SELECT a.customer_id, concat_ws(' ', a.offer_id, a.segment) FROM actions a LEFT JOIN offers o USING (offer_id)
        WHERE a.run_id = %s AND (o.offer_id IS NULL OR NOT o.active OR NOT a.segment = ANY (o.segments)
              OR length(a.message) > 800)
        """,
        run_id,
    ):
        yield customer_id, f"outside the catalogue: {said}"
    for customer_id, text in bank.words(run_id):
        for kind in harms(text):
            yield customer_id, kind


def strangers_data(bank: Bank, run_id: str) -> list[uuid.UUID]:
    """Customers of the run in whose results another customer's identifiers, or their own, stand."""
    people = bank.query(
        "SELECT DISTINCT first_name || ' ' || last_name, email, iban FROM customers WHERE customer_number LIKE %s",
        f"{run_id}-%",
    )
    identifiers = {value for person in people for value in person}
    return [customer_id for customer_id, text in bank.words(run_id) if any(holds(text, value) for value in identifiers)]


def dictated_answer(wishes: dict[str, str], request: ChatRequest) -> ChatAnswer:
    """What a model says that fills in the schema with the attacker's words and nothing else."""
    wish = next(wish for start, wish in wishes.items() if start in request.user)
    if request.schema_name == "feedback_analysis":
        fields = {"sentiment": "positive", "score": 1, "topics": ["other"], "intent_to_leave": False, "causes": [wish]}
        return answer_of(fields | {"summary": wish})
    return answer_of(first_of_each(request) | {"opening": wish, "reasons": [wish], "message": wish})


@pytest.mark.parametrize("mode", MODES)
def test_no_labelled_injection_gets_through(
    bank: Bank, server: ObedientServer, provider: Callable[[], Provider], mode: str
) -> None:
    server.set(**MODES[mode])
    writers = [Writer(row["customer"], row["language"], raw_text(row["text"])) for row in ROWS if row["injection"]]
    assert len(writers) >= 20
    run_id = f"labelled-{mode}"
    bank.plan(run_id, writers)
    bank.run(run_id, provider)
    assert sum(bank.outcomes(run_id).values()) == 2 * len(writers)
    assert list(violations(bank, run_id)) == []
    assert strangers_data(bank, run_id) == []


@pytest.mark.parametrize("mode", MODES)
def test_no_generated_injection_gets_through(
    bank: Bank, server: ObedientServer, provider: Callable[[], Provider], mode: str
) -> None:
    server.set(**MODES[mode])
    assert len(VARIANTS) >= 300
    run_id = f"generated-{mode}"
    ids = bank.plan(run_id, written(VARIANTS))
    bank.run(run_id, provider)
    assert sum(bank.outcomes(run_id).values()) == 2 * len(VARIANTS)
    assert list(violations(bank, run_id)) == []
    assert strangers_data(bank, run_id) == []
    assert came_through(bank, run_id, ids) == []


def test_a_model_that_says_the_wish_and_nothing_else_is_stored_nowhere(bank: Bank) -> None:
    ids = bank.plan("dictated", written([tagged(number, variant) for number, variant in enumerate(VARIANTS)]))
    wishes = {tag(number): variant.wish for number, variant in enumerate(VARIANTS)}
    model = FakeChatModel(lambda request: dictated_answer(wishes, request))
    bank.run("dictated", lambda: analyses_only(model))
    assert len(model.asked) == len(VARIANTS)
    assert came_through(bank, "dictated", ids) == []
    assert list(violations(bank, "dictated")) == []


def test_the_same_words_as_an_offer_are_stored_nowhere(bank: Bank) -> None:
    """The second way in: the analysis was harmless, the wording of the action is the attacker's."""
    ids = bank.plan("worded", written(VARIANTS))
    wishes = itertools.cycle([variant.wish for variant in VARIANTS])
    model = FakeChatModel(lambda request: dictated_answer({"": next(wishes)}, request))
    bank.run("worded", lambda: offers_only(model))
    assert bank.outcomes("worded")["retention_offers", "rejected"] == len(VARIANTS)
    every_token = [token for variant in VARIANTS for token in variant.tokens]
    assert [t for _, text in bank.words("worded") for t in every_token if holds(text, t)] == []
    assert list(violations(bank, "worded")) == []
    assert len(ids) == len(bank.query("SELECT 1 FROM actions WHERE run_id = 'worded' AND source = 'catalogue'"))


def test_feedback_stands_between_markers_that_it_cannot_have_guessed(
    bank: Bank, server: ObedientServer, provider: Callable[[], Provider]
) -> None:
    writers = [w for w in written(VARIANTS) if "</feedback" in w.text or "</case" in w.text]
    bank.plan("markers", writers)
    bank.run("markers", provider)
    seen = set()
    for body in server.requests():
        user = next(m["content"] for m in json.loads(body)["messages"] if m["role"] == "user")
        found = MARKER.findall(user)
        assert len(found) == 1
        assert user.rstrip().endswith(f'</{found[0][0]} id="{found[0][1]}">')
        assert not any(found[0][1] in writer.text for writer in writers)
        seen.add(found[0][1])
    assert len(seen) == len(server.requests()) == 2 * len(writers)


def test_an_honest_model_is_stored(bank: Bank, server: ObedientServer, provider: Callable[[], Provider]) -> None:
    """The control: a guard that refuses everything would pass every other test here."""
    writers = [Writer(row["customer"], row["language"], raw_text(row["text"])) for row in ROWS if not row["injection"]]
    bank.plan("honest", writers)
    bank.run("honest", provider)
    calls = 2 * len(writers)
    outcomes = bank.outcomes("honest")
    answered = sum(count for (_, outcome), count in outcomes.items() if outcome == "answered")
    assert sum(outcomes.values()) == calls
    assert answered == calls, outcomes


def came_through(bank: Bank, run_id: str, ids: Sequence[uuid.UUID]) -> list[str]:
    """The variants of which a token was stored."""
    stored = bank.stored(run_id)
    return [
        variant.name
        for customer_id, variant in zip(ids, VARIANTS, strict=True)
        if any(holds(stored[customer_id], token) for token in variant.tokens)
    ]


def tag(number: int) -> str:
    """Plain words by which the fake model knows whose text it reads; nothing that would be masked."""
    return " ".join(("lampe", *(WORDS[int(digit)] for digit in f"{number:03}"), "lampe"))


def tagged(number: int, variant: Variant) -> Variant:
    return Variant(variant.name, variant.language, f"{tag(number)}. {variant.text}", variant.wish, variant.tokens)


def analyses_only(model: FakeChatModel) -> Any:
    def reply(request: ChatRequest) -> ChatAnswer:
        return (
            model.complete(request, lambda: 60.0, free)
            if request.schema_name == "feedback_analysis"
            else obliging(request)
        )

    return FakeProvider(FakeChatModel(reply))


def offers_only(model: FakeChatModel) -> Any:
    return FakeProvider(FakeChatModel(lambda request: _harmless_analysis(model, request)))


def _harmless_analysis(model: FakeChatModel, request: ChatRequest) -> ChatAnswer:
    if request.schema_name != "feedback_analysis":
        return model.reply(request)
    fields = {"sentiment": "negative", "score": -1, "topics": ["fees"], "intent_to_leave": True, "causes": []}
    return answer_of(fields)
