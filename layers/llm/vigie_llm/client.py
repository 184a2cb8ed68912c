"""The model provider, through the groq package: bounded, retried within the deadline, guarded byte by byte."""

import json
import math
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

import groq
import httpx

from vigie.secrets import LlmSecret
from vigie_llm.causes import Cause, cause_of
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.errors import EgressBlockedError, ModelRefusedError, ModelUnavailableError
from vigie_llm.guard import scan_outgoing
from vigie_llm.pacing import Pacer, Sent
from vigie_llm.pseudonymise import KnownIdentity
from vigie_llm.recipients import api_path
from vigie_llm.recipients import provider_root as provider_root
from vigie_llm.route import Route, route_to

CALL_SECONDS = 20.0
TRIES = 5
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
PROXY_WANTS_PASSWORD = 407

_whose: ContextVar[KnownIdentity] = ContextVar("whose")


class GuardedTransport(httpx.BaseTransport):
    """Scans every outgoing body for the identifiers of the customer it is about, then lets it through."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request that holds nothing it should not.

        Raises:
            EgressBlockedError: something was found; nothing was sent.
        """
        known = _whose.get(None)
        if known is None:
            raise EgressBlockedError(["CUSTOMER_UNKNOWN"])
        findings = scan_outgoing(request.read(), known)
        if findings:
            raise EgressBlockedError(finding.label for finding in findings)
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class ThreadTransport(httpx.BaseTransport):
    """A transport of its own for each thread, so that each keeps its own connection.

    Threads that share one pool wait for its lock, and go through all its connections, at each call's beginning and
    end.
    """

    def __init__(self, route: Route | None = None) -> None:
        self._route = route or Route()
        self._certificates = self._route.certificates()
        self._own = threading.local()
        self._all: list[httpx.HTTPTransport] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over the calling thread's connection.

        Raises:
            httpx.ProxyError: the proxy refuses, or cannot be reached.
        """
        transport: httpx.HTTPTransport | None = getattr(self._own, "transport", None)
        if transport is None:
            transport = self._own.transport = self._route.transport(self._certificates)
            self._all.append(transport)
        if not self._route.proxy_url:
            return transport.handle_request(request)
        return _through_proxy(transport, request)

    def close(self) -> None:
        """Close every thread's connection."""
        while self._all:
            self._all.pop().close()


def _through_proxy(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
    """Send a request, and lay at the proxy's door what only it can have caused: no connection, or its own refusal."""
    try:
        response = transport.handle_request(request)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if cause_of(error) == "Tls":
            raise
        raise httpx.ProxyError("the proxy cannot be reached", request=request) from error
    if response.status_code == PROXY_WANTS_PASSWORD:
        response.close()
        raise httpx.ProxyError("the proxy wants another user or password", request=request)
    return response


class GroqModel:
    """A `ChatModel` behind Groq's interface: Groq itself, the local model server, or a private model."""

    def __init__(self, secret: LlmSecret, route: Route | None = None) -> None:
        self.model = secret.model
        self.pacer = Pacer()
        # Whole, and parsed once for each call.
        self._url = f"{provider_root(secret.base_url)}{api_path(secret)}/chat/completions"
        way = route or route_to(secret.base_url, secret.proxy_url, secret.no_proxy, secret.ca_bundle)
        self._client = groq.Groq(
            api_key=secret.api_key,
            base_url=provider_root(secret.base_url),
            timeout=CALL_SECONDS,
            max_retries=0,
            http_client=httpx.Client(transport=GuardedTransport(ThreadTransport(way)), timeout=CALL_SECONDS),
        )

    def complete(self, request: ChatRequest, seconds_left: Callable[[], float]) -> ChatAnswer:
        """Ask, trying again after connection errors, 429 and 5xx while the deadline allows."""
        token = _whose.set(request.known)
        try:
            return self._try_repeatedly(request, seconds_left)
        finally:
            _whose.reset(token)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _try_repeatedly(self, request: ChatRequest, seconds_left: Callable[[], float]) -> ChatAnswer:
        cause: Cause = "Deadline"
        for attempt in range(TRIES):
            if seconds_left() < 1:
                raise ModelUnavailableError("no time left before the function's deadline", cause)
            if attempt:
                self.pacer.sent()
            sent = self.pacer.now()
            try:
                return self._ask(request, min(CALL_SECONDS, seconds_left()), sent)
            except groq.APIConnectionError as error:
                if isinstance(error.__cause__, EgressBlockedError):
                    self.pacer.unsent()
                    raise error.__cause__ from None
                self.pacer.heard(sent, {})
                cause = cause_of(error)
                pause = _pause(attempt, None)
            except groq.APIStatusError as error:
                self.pacer.heard(sent, _limits(error.response))
                if error.status_code != 429 and error.status_code < 500:
                    raise ModelRefusedError(error.status_code) from None
                cause = "Status"
                pause = _pause(attempt, error.response.headers.get("retry-after"))
            except (groq.GroqError, ValueError):
                # A body that is no JSON: as good as no answer.
                self.pacer.heard(sent, {})
                cause = "Unreadable"
                pause = _pause(attempt, None)
            if attempt == TRIES - 1 or pause > seconds_left() - 1:
                break
            time.sleep(pause)
        raise ModelUnavailableError(f"no answer from {self.model} after {attempt + 1} attempts: {cause}", cause)

    def _ask(self, request: ChatRequest, timeout: float, sent: Sent) -> ChatAnswer:
        # The package's typed method walks every request and answer through its type annotations, 1.4 to 2.0 ms
        # of CPU a call (docs/performance.md); its untyped one posts, checks the status and raises all the same.
        began = time.monotonic()
        response = self._client.post(
            self._url,
            cast_to=httpx.Response,
            body={
                "model": self.model,
                "messages": [
                    {"role": "system", "content": request.system},
                    {"role": "user", "content": request.user},
                ],
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": request.schema_name, "strict": True, "schema": request.schema},
                },
                "temperature": 0,
                "max_completion_tokens": request.max_tokens,
            },
            options={"timeout": timeout},
        )
        answer = _read_completion(json.loads(response.content), round((time.monotonic() - began) * 1000))
        self.pacer.heard(sent, _limits(response), answer.tokens_in + answer.tokens_out)
        return answer


def _limits(response: httpx.Response) -> dict[str, str]:
    """The headers that tell what is left of the provider's budget; each look-up in httpx's goes through them all."""
    return {
        name.decode("ascii"): value.decode("ascii", "replace")
        for raw, value in response.headers.raw
        if (name := raw.lower()).startswith(b"x-ratelimit-")
    }


def _read_completion(completion: object, latency_ms: int) -> ChatAnswer:
    """What a body says, where it has the shape of a completion; an answer without content where it has not.

    Nobody has checked what was read: any part may be missing or of another type.
    """
    choices = _get(completion, "choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    content = _get(_get(first, "message"), "content")
    usage = _get(completion, "usage")
    return ChatAnswer(
        content=content if isinstance(content, str) else "",
        tokens_in=_count(_get(usage, "prompt_tokens")),
        tokens_out=_count(_get(usage, "completion_tokens")),
        latency_ms=latency_ms,
    )


def _get(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _pause(attempt: int, retry_after: str | None) -> float:
    """Seconds to wait: at least what the provider asks for, or exponential up to a limit, with jitter."""
    try:
        asked = float(retry_after or 0)
    except ValueError:
        asked = 0.0
    own = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**attempt)
    return (own if math.isnan(asked) else max(asked, own)) * random.uniform(1.0, 1.5)  # noqa: S311
