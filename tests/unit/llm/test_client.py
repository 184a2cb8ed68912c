"""The client against a real server: what it sends, what it tries again, what it never sends."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

import vigie_llm.client
from tests.fakes.model_calls import free
from tests.unit.llm.conftest import Reply, ScriptedProvider, completion
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.client import ABOUT, TRIES, GroqModel, GuardedTransport
from vigie_llm.errors import EgressBlockedError, ModelRefusedError, ModelUnavailableError
from vigie_llm.pseudonymise import KnownIdentity


class Clock:
    """Stands for the time module: pauses are remembered, and taken off the deadline."""

    def __init__(self) -> None:
        self.left = 1000.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.left -= seconds

    def monotonic(self) -> float:
        return 1000.0 - self.left

    def seconds_left(self) -> float:
        return self.left


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(vigie_llm.client, "time", clock)
    return clock


def ask(
    scripted: ScriptedProvider, request: ChatRequest, clock: Clock, provider: str = "groq", suffix: str = ""
) -> ChatAnswer:
    model = GroqModel(scripted.secret(provider, suffix))
    try:
        return model.complete(request, clock.seconds_left, free)
    finally:
        model.close()


def test_a_question_goes_out_as_groq_wants_it(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    scripted.replies = [Reply(body=completion('{"a": 1}'))]
    assert ask(scripted, request_about, clock) == ChatAnswer('{"a": 1}', 7, 3, 0)
    [(path, body)] = scripted.received
    sent = json.loads(body)
    assert path == "/openai/v1/chat/completions"
    assert sent["model"] == "model-1"
    assert sent["temperature"] == 0
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["response_format"]["json_schema"] == {
        "name": "nothing",
        "strict": True,
        "schema": request_about.schema,
    }


@pytest.mark.parametrize(
    "trouble",
    [Reply(429), Reply(500), Reply(502), Reply(503), Reply(None), Reply(body=b"<html>"), Reply(body=b'{"cut": ')],
    ids=["429", "500", "502", "503", "connection cut", "no JSON", "half a body"],
)
def test_passing_trouble_is_tried_again(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, trouble: Reply
) -> None:
    scripted.replies = [trouble, trouble, Reply(body=completion("fine"))]
    assert ask(scripted, request_about, clock).content == "fine"
    assert len(scripted.received) == 3
    for attempt, pause in enumerate(clock.pauses):
        assert 0.25 * 2**attempt <= pause <= 1.5 * 0.25 * 2**attempt


def test_a_refused_connection_is_tried_again_and_then_unavailable(request_about: ChatRequest, clock: Clock) -> None:
    nobody = ScriptedProvider(url="http://127.0.0.1:9")
    with pytest.raises(ModelUnavailableError, match=f"no answer from model-1 after {TRIES} attempts"):
        ask(nobody, request_about, clock)
    assert len(clock.pauses) == TRIES - 1


def test_trouble_that_stays_is_given_up_after_so_many_tries(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    scripted.replies = [Reply(503)]
    with pytest.raises(ModelUnavailableError):
        ask(scripted, request_about, clock)
    assert len(scripted.received) == TRIES


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_final_and_its_words_are_not_kept(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, status: int
) -> None:
    scripted.replies = [Reply(status, b'{"error": {"message": "the prompt said: fees"}}')]
    with pytest.raises(ModelRefusedError) as caught:
        ask(scripted, request_about, clock)
    assert caught.value.status == status
    assert "fees" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert len(scripted.received) == 1


def test_the_provider_s_retry_after_is_honoured_whatever_its_length(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    scripted.replies = [Reply(429, headers={"retry-after": "7"}), Reply(429, headers={"retry-after": "90"}), Reply()]
    ask(scripted, request_about, clock)
    assert 7 <= clock.pauses[0] <= 10.5
    assert 90 <= clock.pauses[1] <= 135


@pytest.mark.parametrize("nonsense", ["Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-5", "nan", ""])
def test_a_retry_after_that_is_no_number_is_as_if_there_were_none(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, nonsense: str
) -> None:
    scripted.replies = [Reply(429, headers={"retry-after": nonsense}), Reply()]
    ask(scripted, request_about, clock)
    assert 0.25 <= clock.pauses[0] <= 0.375


@pytest.mark.parametrize("asked", ["3", "inf"])
def test_a_pause_that_ends_after_the_deadline_is_not_begun(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, asked: str
) -> None:
    clock.left = 3
    scripted.replies = [Reply(429, headers={"retry-after": asked})]
    with pytest.raises(ModelUnavailableError):
        ask(scripted, request_about, clock)
    assert clock.pauses == []


def test_without_time_left_nothing_is_sent(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    clock.left = 0.5
    with pytest.raises(ModelUnavailableError, match="no time left"):
        ask(scripted, request_about, clock)
    assert scripted.received == []


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "//v1"])
@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("groq", "/openai/v1/chat/completions"),
        ("local", "/openai/v1/chat/completions"),
        ("openai-compatible", "/v1/chat/completions"),
    ],
)
def test_each_kind_of_provider_is_asked_where_it_answers(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, provider: str, path: str, suffix: str
) -> None:
    ask(scripted, request_about, clock, provider, suffix)
    assert scripted.paths == [path]


@pytest.mark.parametrize("suffix", ["/openai", "/openai/v1", "/openai/v1/", "/openai/v1/chat/completions"])
def test_groq_is_asked_where_it_answers_however_its_address_is_written(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, suffix: str
) -> None:
    ask(scripted, request_about, clock, "groq", suffix)
    assert scripted.paths == ["/openai/v1/chat/completions"]


@pytest.mark.parametrize("folder", ["/llm", "/openai"])
def test_a_private_model_below_a_folder_is_asked_there(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, folder: str
) -> None:
    ask(scripted, request_about, clock, "openai-compatible", f"{folder}/v1")
    assert scripted.paths == [f"{folder}/v1/chat/completions"]


@pytest.mark.parametrize(
    "leak",
    [
        "Call me on 06 12 34 56 78.",
        "My address is eloise.vandermeulen@example.org.",
        "Signed, Éloïse Vandermeulen",
        "FR76 3000 6000 0112 3456 7890 189",
        "I am customer CUST-00481516.",
        "Write to somebody.else@example.com",
    ],
)
def test_a_question_that_holds_an_identifier_is_blocked_and_nothing_reaches_the_server(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, leak: str
) -> None:
    with pytest.raises(EgressBlockedError) as caught:
        ask(scripted, replace(request_about, user=leak), clock)
    assert scripted.received == []
    assert clock.pauses == []
    assert caught.value.found
    assert leak not in str(caught.value)


@pytest.mark.parametrize("headers", [{}, {ABOUT: ""}, {ABOUT: "0" * 32}])
def test_a_request_about_an_unknown_customer_is_blocked(scripted: ScriptedProvider, headers: dict[str, str]) -> None:
    with (
        httpx.Client(transport=GuardedTransport(httpx.HTTPTransport())) as client,
        pytest.raises(EgressBlockedError) as caught,
    ):
        client.post(scripted.url, json={}, headers=headers)
    assert caught.value.found == {"CUSTOMER_UNKNOWN": 1}
    assert scripted.received == []


def test_the_customer_s_name_in_the_guard_does_not_leave_and_is_forgotten(
    scripted: ScriptedProvider, request_about: ChatRequest
) -> None:
    model = GroqModel(scripted.secret())
    model.complete(request_about, lambda: 100.0, free)
    model.close()
    assert [ABOUT in headers for headers in scripted.headers] == [False]
    assert model._guard._customers == {}


def test_a_name_is_of_one_block_and_used_up_after_it(scripted: ScriptedProvider, known: KnownIdentity) -> None:
    guard = GuardedTransport(httpx.HTTPTransport())
    with httpx.Client(transport=guard) as client, guard.about(known, free) as outer:
        with guard.about(KnownIdentity("Sam", "Okonkwo"), free) as inner:
            client.post(scripted.url, json="Vandermeulen", headers=inner)
            with pytest.raises(EgressBlockedError):
                client.post(scripted.url, json="Vandermeulen", headers=outer)
        with pytest.raises(EgressBlockedError) as caught:
            client.post(scripted.url, json="nothing", headers=inner)
    assert caught.value.found == {"CUSTOMER_UNKNOWN": 1}
    assert len(scripted.received) == 1


def test_customers_whose_calls_are_under_way_at_once_are_not_mixed_up(
    scripted: ScriptedProvider, request_about: ChatRequest
) -> None:
    """Each thread's text names the other threads' customers, never its own: only one scan would block it."""
    names = ["Vandermeulen", "Okonkwo", "Szczepanski", "Bjarnadottir"]
    together = threading.Barrier(len(names))
    model = GroqModel(scripted.secret())

    def ask_about(own: str) -> list[str]:
        others = replace(request_about, known=KnownIdentity("Zo", own), user=" and ".join(set(names) - {own}))
        itself = replace(others, user=f"I am {own}")
        came = []
        for _ in range(10):
            together.wait(timeout=20)
            came.append(model.complete(others, lambda: 100.0, free).content)
            with pytest.raises(EgressBlockedError):
                model.complete(itself, lambda: 100.0, free)
        return came

    with ThreadPoolExecutor(len(names)) as threads:
        assert [len(came) for came in threads.map(ask_about, names)] == [10] * len(names)
    model.close()
    assert len(scripted.received) == 10 * len(names)


def test_the_guard_looks_for_the_identifiers_of_the_customer_asked_about(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    text = replace(request_about, user="Vandermeulen again", known=KnownIdentity("Sam", "Okonkwo"))
    ask(scripted, text, clock)
    with pytest.raises(EgressBlockedError):
        ask(scripted, replace(text, known=request_about.known), clock)
    assert len(scripted.received) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{}", b"[]", b'"text"', b"null", b'{"choices": null}', b'{"choices": []}', b'{"choices": [{}]}',
        b'{"choices": [null]}', b'{"choices": [{"message": null}]}', b'{"choices": {"0": 1}}', completion(None),
        completion([{"type": "text"}]),
    ],
)  # fmt: skip
def test_a_body_of_another_shape_is_an_answer_without_content(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, body: bytes
) -> None:
    scripted.replies = [Reply(body=body)]
    try:
        assert ask(scripted, request_about, clock).content == ""
    except ModelUnavailableError:
        assert len(scripted.received) == TRIES


@pytest.mark.parametrize("usage", [None, "many", -1])
def test_tokens_that_are_no_counts_count_as_none(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, usage: object
) -> None:
    scripted.replies = [Reply(body=completion("x", prompt_tokens=usage, completion_tokens=usage))]
    answer = ask(scripted, request_about, clock)
    assert (answer.tokens_in, answer.tokens_out) == (0, 0)


def test_each_thread_keeps_one_connection(scripted: ScriptedProvider, request_about: ChatRequest) -> None:
    scripted.replies = [Reply(body=completion("{}"))]
    model = GroqModel(scripted.secret())
    together = threading.Barrier(3)

    def ask_twice() -> None:
        for _ in range(2):
            together.wait(timeout=20)
            model.complete(request_about, lambda: 100.0, free)

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(ask_twice) for _ in range(3)]:
            done.result()
    model.close()
    assert (len(scripted.received), len(scripted.connections)) == (6, 3)
