"""Route a request to an answer, with the delays, limits and faults that the settings ask for."""

import asyncio
import hmac
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from vigie_loopback.browser_requests import REMEDY, is_cross_site, is_local_name
from vigie_model_server import MODEL_ID
from vigie_model_server.answers import content_for
from vigie_model_server.chat import Chat, RequestError, completion, model_card, read_chat
from vigie_model_server.connection import HttpConnection, Pace
from vigie_model_server.control import control_reply
from vigie_model_server.errors import (
    bad_gateway,
    cancelled,
    capacity_exceeded,
    decommissioned,
    error_body,
    error_reply,
    forbidden,
    invalid_key,
    json_not_generated,
    no_completion,
    no_json_schema,
    no_quota,
    redirected,
    server_error,
    unexplained,
    unknown_model,
    unknown_url,
    web_page,
)
from vigie_model_server.fault_plan import FaultPlan
from vigie_model_server.injection_compliance import Compliance
from vigie_model_server.malformed_answers import malformed_answer
from vigie_model_server.rate_limit import RateLimiter, estimated_tokens
from vigie_model_server.reasoners import OUTCOMES as DRESSED
from vigie_model_server.reasoners import dressed
from vigie_model_server.recorder import Recorded, Recorder, without_key
from vigie_model_server.reply import Delivery, Reply
from vigie_model_server.request_reader import Request
from vigie_model_server.settings import Settings

PREFIXES = ("/openai/v1", "/v1")
DELIVERIES: Mapping[str, Delivery] = {"half_answer": "half", "trickle": "trickle", "hang": "hang", "reset": "reset"}
REFUSALS: Mapping[str, Callable[[], Reply]] = {
    "error_502": bad_gateway,
    "unauthorised": invalid_key,
    "json_validate_failed": json_not_generated,
    "capacity_exceeded": capacity_exceeded,
    "cancelled": cancelled,
    "forbidden": forbidden,
    "no_json_schema": no_json_schema,
    "unexplained_400": unexplained,
    "web_page": web_page,
    "error_body": error_body,
    "no_quota": no_quota,
    "redirected": redirected,
    "no_completion": no_completion,
}
GARBLED = frozenset({"refusal", "not_json", "truncated_json", "wrong_json", "empty"})


class ModelServer:
    """All state of a running server: settings, limits, fault plan, record, counts."""

    def __init__(self, settings: Settings, *, access_log: bool = True) -> None:
        self.started_with = settings
        self.recorder = Recorder(settings.record_bytes)
        self.access_log = access_log
        self.number = self.in_flight = self.most_in_flight = 0
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Take new settings; buckets and fault plan start anew only where their settings changed."""
        old = getattr(self, "settings", None)
        self.settings = settings
        self.recorder.max_bytes = settings.record_bytes
        if old is None or _limits(old) != _limits(settings):
            self.limiter = _limiter(settings)
        if old is None or _faults(old) != _faults(settings):
            self.faults = FaultPlan(settings)
        self.compliance = Compliance(settings.obey_attacker, settings.obey_beyond_schema)

    def reset(self) -> None:
        """Back to the settings of the start, with empty record, full buckets and no counts."""
        self.apply(self.started_with)
        self.limiter = _limiter(self.settings)
        self.faults = FaultPlan(self.settings)
        self.recorder.clear()
        self.most_in_flight = self.in_flight

    def pace(self) -> Pace:
        settings = self.settings
        return Pace(settings.trickle_bytes, settings.trickle_interval_ms / 1000, settings.hang_seconds)

    def connection(self) -> HttpConnection:
        """A protocol for one new connection."""
        return HttpConnection(self.answer, self.pace)

    async def answer(self, request: Request) -> Reply:
        """The answer to a request; everything but control requests is recorded and logged."""
        target = urlsplit(request.target)
        host, *sender = (request.header(name) for name in (b"host", b"origin", b"sec-fetch-site", b"user-agent"))
        # Any host name may lead here, as to a provider; records and control are for this machine alone.
        is_control = target.path.startswith("/_control")
        if is_cross_site(host, *sender) or (is_control and not is_local_name(host)):
            return error_reply(403, REMEDY, code="other_site", outcome="other_site")
        if is_control:
            return control_reply(self, request, target.path, parse_qs(target.query))
        began = time.monotonic()
        self.number += 1
        number = self.number
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        outcome, status, tokens = "client_left", 0, 0
        try:
            reply = await self._timed(request, target.path)
            outcome, status, tokens = reply.outcome, reply.status, reply.tokens
            return reply
        finally:
            self.in_flight -= 1
            self._note(number, request, target.path, outcome, status, tokens, (time.monotonic() - began) * 1000)

    async def _timed(self, request: Request, path: str) -> Reply:
        try:
            reply, delay = self._routed(request, path)
        except RequestError as error:
            reply, delay = error.reply, 0.0
        if delay:
            await asyncio.sleep(delay)
        return reply

    def _routed(self, request: Request, path: str) -> tuple[Reply, float]:
        """The reply and the seconds to wait before it. Where no keys are set, listing the models needs none."""
        route = next((path.removeprefix(prefix) for prefix in PREFIXES if path.startswith(prefix + "/")), "")
        if route not in ("/chat/completions", "/models", f"/models/{MODEL_ID}") and not route.startswith("/models/"):
            return unknown_url(request.method, path), 0.0
        if route != "/chat/completions" and not self.settings.accepted_keys:
            return _models(request, route), 0.0
        if not self._knows_key(request.header(b"authorization")):
            return invalid_key(), 0.0
        if route != "/chat/completions":
            return _models(request, route), 0.0
        if request.method != "POST":
            return error_reply(405, f"{request.method} is not allowed here; use POST.", outcome="bad_request"), 0.0
        return self._completed(request)

    def _knows_key(self, authorization: str) -> bool:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return False
        accepted = self.settings.accepted_keys
        return not accepted or any(hmac.compare_digest(key.strip().encode(), item.encode()) for item in accepted)

    def _completed(self, request: Request) -> tuple[Reply, float]:
        outcome = self.faults.outcome(request.body)
        early = self._early_fault(outcome)
        if early:
            return early, 0.0
        chat = read_chat(request.body)
        content = content_for(chat, self.compliance)
        refused = self.limiter.admit(MODEL_ID, chat.prompt_tokens + estimated_tokens(content))
        if refused:
            return refused, 0.0
        delay = self.faults.delay_seconds(request.body)
        return self._completion(chat, request.body, content, outcome, delay), delay

    def _early_fault(self, outcome: str) -> Reply | None:
        """Faults that occur before the model has answered anything."""
        if outcome in ("error_500", "error_503"):
            return server_error(int(outcome[-3:]))
        if outcome in REFUSALS:
            return REFUSALS[outcome]()
        of_the_model = {"model_not_found": unknown_model, "model_decommissioned": decommissioned}
        of_the_limits = {
            "rate_limited": self.limiter.storm, "too_large": self.limiter.too_large, "day_limit": self.limiter.day_limit
        }  # fmt: skip
        refuse = (of_the_model | of_the_limits).get(outcome)
        if refuse is not None:
            reply = refuse(MODEL_ID)
            reply.outcome = outcome
            return reply
        if outcome in ("reset", "hang"):
            return Reply(0, b"", outcome, delivery=DELIVERIES[outcome])
        return None

    def _completion(self, chat: Chat, body: bytes, content: str, outcome: str, delay: float) -> Reply:
        finish = "stop"
        if outcome in GARBLED:
            content, finish = malformed_answer(outcome, content)
        if chat.max_tokens is not None and estimated_tokens(content) > chat.max_tokens:
            content, finish = content.encode()[: chat.max_tokens * 4].decode("utf-8", "ignore"), "length"
        reply = completion(chat, body, content, finish, delay)
        if outcome in DRESSED:
            reply = dressed(reply, outcome)
        reply.outcome = outcome
        reply.delivery = DELIVERIES.get(outcome, "whole")
        reply.headers += self.limiter.headers()
        return reply

    def _note(
        self, number: int, request: Request, path: str, outcome: str, status: int, tokens: int, milliseconds: float
    ) -> None:
        headers = without_key(request.headers)
        self.recorder.add(
            Recorded(
                number,
                time.time(),
                request.method,
                request.target,
                headers,
                request.body,
                outcome,
                status,
                milliseconds,
            )
        )
        if self.access_log:
            line = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "number": number,
                "method": request.method,
                "path": path,
                "status": status,
                "outcome": outcome,
                "ms": round(milliseconds, 1),
                "tokens": tokens,
                "bytes_in": len(request.body),
            }
            sys.stderr.write(json.dumps(line) + "\n")


def _models(request: Request, route: str) -> Reply:
    if request.method != "GET":
        return error_reply(405, f"{request.method} is not allowed here; use GET.", outcome="bad_request")
    if route == "/models":
        return Reply(200, json.dumps({"object": "list", "data": [model_card()]}).encode(), "models")
    wanted = route.removeprefix("/models/")
    return Reply(200, json.dumps(model_card()).encode(), "models") if wanted == MODEL_ID else unknown_model(wanted)


def _limits(settings: Settings) -> tuple[object, ...]:
    return settings.requests_per_minute, settings.tokens_per_minute, settings.requests_window_seconds


def _limiter(settings: Settings) -> RateLimiter:
    window = settings.requests_window_seconds
    return RateLimiter(settings.requests_per_minute, settings.tokens_per_minute, requests_window=window)


def _faults(settings: Settings) -> Settings:
    """The settings that steer the fault plan; the others set to one value."""
    return replace(
        Settings(),
        rates=settings.rates,
        plan=settings.plan,
        seed=settings.seed,
        latency_ms=settings.latency_ms,
        latency_spread_ms=settings.latency_spread_ms,
        latency_distribution=settings.latency_distribution,
    )


async def serve(server: ModelServer, host: str, port: int) -> asyncio.Server:
    """Start listening; the caller keeps the returned server and closes it."""
    return await asyncio.get_running_loop().create_server(server.connection, host, port, backlog=4096)
