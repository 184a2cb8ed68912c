"""Each time a request's bytes go it is claimed before; a claim that is refused keeps them here."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

import vigie_llm.client
from tests.fakes.chat_models import FakeChatModel
from tests.fakes.model_calls import outcomes_of, read_words
from tests.unit.llm.conftest import Reply, ScriptedProvider, completion
from vigie.errors import BatchBusyError, DatabaseUnavailableError
from vigie_llm import claims as claims_module
from vigie_llm.bounds import BoundedNetwork
from vigie_llm.call_pool import DOWN_AFTER, BatchCalls, CallPool
from vigie_llm.calls import Call
from vigie_llm.chat import ChatRequest
from vigie_llm.claims import FRESH_SECONDS, Claims
from vigie_llm.client import GroqModel
from vigie_llm.errors import CallWithdrawnError, LlmError, NotNowError

CUT = completion().replace(b'"stop"', b'"length"')
UNKNOWN_OPTION = json.dumps({"error": {"message": "property 'temperature' is unsupported", "param": "temperature"}})
# Everything that makes the client send a call again.
AGAIN = {
    "server error": Reply(500),
    "overloaded": Reply(503),
    "too many": Reply(429, headers={"retry-after": "0"}),
    "cut connection": Reply(None),
    "cut answer": Reply(body=CUT),
    "empty answer": Reply(body=completion("")),
    "no completion": Reply(body=b"{}"),
    "option unknown": Reply(400, UNKNOWN_OPTION.encode()),
}


class Gate:
    """A claim that lets so many requests leave; `seen` holds how many had arrived at each."""

    def __init__(self, scripted: ScriptedProvider, most: int = 100) -> None:
        self._scripted = scripted
        self._most = most
        self.seen: list[int] = []

    def __call__(self) -> None:
        self.seen.append(len(self._scripted.received))
        if len(self.seen) > self._most:
            raise CallWithdrawnError


def ask(scripted: ScriptedProvider, request: ChatRequest, gate: Callable[[], None]) -> str:
    model = GroqModel(scripted.secret())
    try:
        return model.complete(request, lambda: 60.0, gate).content
    finally:
        model.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigie_llm.client, "pause_before", lambda *_: 0.0)


@pytest.mark.parametrize("why", AGAIN)
def test_each_time_a_call_is_sent_it_is_claimed_before(
    scripted: ScriptedProvider, request_about: ChatRequest, why: str
) -> None:
    scripted.replies = [AGAIN[why], Reply()]
    gate = Gate(scripted)
    ask(scripted, request_about, gate)
    assert len(scripted.received) == 2
    assert gate.seen == [0, 1]


@pytest.mark.parametrize("why", AGAIN)
@pytest.mark.parametrize("most", [0, 1])
def test_a_refused_claim_keeps_the_call_here(
    scripted: ScriptedProvider, request_about: ChatRequest, why: str, most: int
) -> None:
    scripted.replies = [AGAIN[why], Reply()]
    with pytest.raises(CallWithdrawnError):
        ask(scripted, request_about, Gate(scripted, most))
    assert len(scripted.received) == most


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(scripted: ScriptedProvider, request_about: ChatRequest, status: int) -> None:
    scripted.replies = [Reply(status, headers={"location": f"{scripted.url}/elsewhere"}), Reply()]
    gate = Gate(scripted)
    with pytest.raises(LlmError):
        ask(scripted, request_about, gate)
    assert set(scripted.paths) == {"/openai/v1/chat/completions"}
    assert len(gate.seen) == len(scripted.received)


def test_a_proxy_is_asked_for_the_way_before_the_claim_and_the_claim_is_of_the_first_bytes() -> None:
    claimed: list[str] = []
    network = BoundedNetwork()
    network.start(60.0, lambda: claimed.append("now"))
    network.before_write(b"CONNECT api.example.org:443 HTTP/1.1\r\n")
    assert claimed == []
    for piece in (b"POST /openai/v1/chat/completions HTTP/1.1\r\n", b"body"):
        network.before_write(piece)
    assert claimed == ["now"]


def test_after_a_refused_claim_no_later_bytes_of_the_request_pass() -> None:
    def refuse() -> None:
        raise CallWithdrawnError

    network = BoundedNetwork()
    network.start(60.0, refuse)
    for piece in (b"POST / HTTP/1.1\r\n", b"body"):
        with pytest.raises(CallWithdrawnError):
            network.before_write(piece)


class FakeDatabase:
    """Grants what `verdicts` say in turn, the last for ever; takes `seconds` for it."""

    def __init__(self, *verdicts: str | Exception, seconds: float = 0.0) -> None:
        self.verdicts = list(verdicts)
        self.seconds = seconds
        self.groups: list[list[UUID]] = []

    def commit_alone(self, sql: str, parameters: Any) -> list[tuple[UUID, str]]:
        self.groups.append(parameters[0])
        time.sleep(self.seconds)
        verdict = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        if isinstance(verdict, Exception):
            raise verdict
        return [(egress_id, verdict) for egress_id in parameters[0]]


def claims_of(database: Any, seconds_left: Callable[[], float] = lambda: 60.0) -> Claims:
    return Claims(database, seconds_left)


def test_calls_that_leave_at_once_are_claimed_together() -> None:
    database = FakeDatabase("claimed", seconds=0.2)
    claims = claims_of(database)
    started = threading.Barrier(16)

    def claim(_: int) -> None:
        started.wait()
        claims.claim(uuid4())

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(claim, range(16)))
    assert sum(len(group) for group in database.groups) == 16
    assert len(database.groups) <= 3


def test_a_claim_that_took_too_long_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the process or the database stood still in it: the withdrawal may have come meanwhile."""
    monkeypatch.setattr(claims_module, "FRESH_SECONDS", 0.05)
    database = FakeDatabase("claimed", seconds=0.1)
    deadline = time.monotonic() + 0.3
    with pytest.raises(NotNowError):
        claims_of(database, lambda: deadline - time.monotonic()).claim(uuid4())
    assert len(database.groups) >= 2
    assert FRESH_SECONDS <= 1.0


def test_a_row_that_is_held_is_asked_for_again() -> None:
    database = FakeDatabase("busy", "busy", "claimed")
    claims_of(database).claim(uuid4())
    assert len(database.groups) == 3


@pytest.mark.parametrize(
    ("verdict", "error"),
    [
        ("withdrawn", CallWithdrawnError),
        ("ended", BatchBusyError),
        ("unknown", BatchBusyError),
        (DatabaseUnavailableError("gone"), DatabaseUnavailableError),
    ],
)
def test_without_a_claim_there_is_an_error(verdict: str | Exception, error: type[Exception]) -> None:
    with pytest.raises(error):
        claims_of(FakeDatabase(verdict)).claim(uuid4())


def test_an_error_of_the_database_is_not_taken_for_one_of_the_provider(
    scripted: ScriptedProvider, request_about: ChatRequest
) -> None:
    claims = claims_of(FakeDatabase(DatabaseUnavailableError("gone")))
    with pytest.raises(DatabaseUnavailableError):
        ask(scripted, request_about, lambda: claims.claim(uuid4()))
    assert scripted.received == []


def test_withdrawn_calls_do_not_make_the_provider_count_as_down(request_about: ChatRequest) -> None:
    calls = [Call(uuid4(), uuid4(), request_about) for _ in range(DOWN_AFTER + 3)]
    withdrawn = {call.egress_id for call in calls[:-1]}

    def claim(egress_id: UUID) -> None:
        if egress_id in withdrawn:
            raise CallWithdrawnError

    outcomes = outcomes_of(BatchCalls(CallPool(1), FakeChatModel(), read_words, lambda: 60.0, claim), calls)
    assert [outcome.is_withdrawn for outcome in outcomes] == [True] * (len(calls) - 1) + [False]
    assert outcomes[-1].status == "answered"
