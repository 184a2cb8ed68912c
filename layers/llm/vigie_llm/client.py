"""The model provider, through the groq package: bounded, retried within the deadline, guarded byte by byte."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import groq
import httpx

from vigie.errors import VigieError
from vigie.secrets import LlmSecret
from vigie_llm.bounds import BoundedNetwork, bound_body
from vigie_llm.causes import Cause, cause_of
from vigie_llm.chat import ChatAnswer, ChatRequest, Claim
from vigie_llm.completions import Completion
from vigie_llm.errors import (
    AccountRefusedError,
    EgressBlockedError,
    LlmError,
    ModelRefusedError,
    ModelUnavailableError,
    NotNowError,
    TextTooLongError,
)
from vigie_llm.exchange import (
    FIRST_PAUSE_SECONDS,
    UNREACHABLE,
    Asking,
    Refused,
    body_of,
    limits_of,
    most_tokens,
    pause_before,
    read_response,
)
from vigie_llm.guard import scan_outgoing
from vigie_llm.identity import KnownIdentity
from vigie_llm.pacing import Pacer, Sent
from vigie_llm.reasoning import effort_of
from vigie_llm.recipients import call_url, provider_root
from vigie_llm.refusals import Concerns, judge
from vigie_llm.route import Route, route_to

CALL_SECONDS = 20.0
TRIES = 5
# A refusal for longer than this is of no budget in the headers: a day's tokens, a closed service.
EXPLAINED_SECONDS = 15.0
PROXY_WANTS_PASSWORD = 407

# Names a request's customer to the guard, which takes it off: the groq package passes headers on, and nothing else.
ABOUT = "x-vigie-about"
# Where a request carries its claim to the connection, which nothing passes without.
CLAIM = "vigie_claim"


class GuardedTransport(httpx.BaseTransport):
    """A transport that scans each outgoing body for its customer's identifiers, then passes it on with its claim."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self._customers: dict[str, tuple[KnownIdentity, Claim]] = {}

    @contextmanager
    def about(self, known: KnownIdentity, claim: Claim) -> Iterator[dict[str, str]]:
        """Give the headers of requests about a customer; outside this block they are refused.

        The name in them is of this block alone, so that no request can be scanned for another customer.
        """
        name = uuid4().hex
        self._customers[name] = known, claim
        try:
            yield {ABOUT: name}
        finally:
            del self._customers[name]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request that holds nothing it should not.

        Raises:
            EgressBlockedError: something was found, or the customer is unknown; nothing was sent.
        """
        about = self._customers.get(request.headers.pop(ABOUT, ""))
        if about is None:
            raise EgressBlockedError(["CUSTOMER_UNKNOWN"])
        known, request.extensions[CLAIM] = about
        findings = scan_outgoing(request.read(), known)
        if findings:
            raise EgressBlockedError(finding.label for finding in findings)
        return bound_body(self._inner.handle_request(request))

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
            self._own.network = BoundedNetwork()
            transport = self._own.transport = self._route.transport(self._certificates, self._own.network)
            self._all.append(transport)
        seconds = request.extensions.get("timeout", {}).get("read") or CALL_SECONDS
        self._own.network.start(seconds, request.extensions[CLAIM])
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
        self._effort = effort_of(secret.model)
        # What the server was found not to know.
        self._without: frozenset[str] = frozenset()
        # Whole, and parsed once for each call.
        self._url = call_url(secret)
        way = route or route_to(secret.base_url, secret.proxy_url, secret.no_proxy, secret.ca_bundle)
        self._guard = GuardedTransport(ThreadTransport(way))
        self._client = groq.Groq(
            api_key=secret.api_key,
            base_url=provider_root(secret),
            timeout=CALL_SECONDS,
            max_retries=0,
            http_client=httpx.Client(transport=self._guard, timeout=CALL_SECONDS),
        )

    def complete(self, request: ChatRequest, seconds_left: Callable[[], float], claim: Claim) -> ChatAnswer:
        """Ask, trying again after what may pass while the deadline allows; `claim` before each time bytes go.

        Raises:
            ModelUnavailableError, ModelRefusedError, EgressBlockedError, or one of their kinds; what `claim` raises.
        """
        with self._guard.about(request.known, claim) as headers:
            return self._try_repeatedly(request, headers, seconds_left)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _try_repeatedly(
        self, request: ChatRequest, headers: dict[str, str], seconds_left: Callable[[], float]
    ) -> ChatAnswer:
        asking = Asking(request.max_tokens, effort=self._effort, without=self._without)
        is_busy, asked_to_wait = False, 0.0
        cause: Cause = "Deadline"
        for attempt in range(TRIES):
            if seconds_left() < 1:
                raise NotNowError("no time left before the function's deadline", asked_to_wait, cause)
            if attempt:
                self.pacer.record_sent()
            sent = self.pacer.now()
            try:
                options: groq.RequestOptions = {"timeout": min(CALL_SECONDS, seconds_left()), "headers": headers}
                completion = self._ask(request, asking, options, sent)
            except Refused as refused:
                cause = refused.cause
                asked_to_wait = self._take_refusal(refused, asking, sent)
                is_busy = refused.refusal.concerns is Concerns.MINUTE
                pause = pause_before(attempt + 1, asked_to_wait)
            else:
                if asking.is_enough(completion):
                    return asking.answer()
                pause = pause_before(0)
            if attempt == TRIES - 1 or pause > seconds_left() - 1:
                break
            time.sleep(pause)
        if asking.has_answer:
            return asking.answer()
        if is_busy or attempt == 0:
            raise NotNowError(f"no answer from {self.model} now", asked_to_wait, cause)
        raise ModelUnavailableError(f"no answer from {self.model} after {attempt + 1} attempts: {cause}", cause)

    def _take_refusal(self, refused: Refused, asking: Asking, sent: Sent) -> float:
        """Note what a refusal says; return the seconds that the provider asks everybody to wait.

        Raises:
            ModelRefusedError: another try of this call would be refused as well.
        """
        code, status, concerns = refused.refusal.code, refused.status, refused.refusal.concerns
        is_mended = asking.leave_out(refused)
        if concerns is Concerns.ACCOUNT and not is_mended:
            # Not recorded here: what stops the other calls has the pacer probe.
            raise AccountRefusedError(status, code, refused.refusal.remedy)
        self.pacer.record_response(sent, refused.limits)
        if is_mended:
            self._without |= asking.without
            return 0.0
        if concerns is Concerns.LENGTH:
            raise TextTooLongError(status, code)
        if concerns is Concerns.CALL or (concerns is Concerns.GENERATION and not asking.may_generate_again()):
            raise ModelRefusedError(status, code)
        return self._hold_others(refused) if concerns is Concerns.MINUTE else refused.retry_after or 0.0

    def _hold_others(self, refused: Refused) -> float:
        """Where its budget does not explain a refusal, let every call wait as long as the provider asks."""
        seconds = refused.retry_after or FIRST_PAUSE_SECONDS
        if not refused.limits or seconds > EXPLAINED_SECONDS:
            self.pacer.hold(seconds)
        return seconds

    def _ask(self, request: ChatRequest, asking: Asking, options: groq.RequestOptions, sent: Sent) -> Completion:
        # The package's typed method walks every request and answer through its type annotations: three times the
        # CPU (decision 19). Its untyped one posts, checks the status and raises all the same.
        began = time.monotonic()
        body = body_of(self.model, request, asking)
        try:
            response = self._client.post(self._url, cast_to=httpx.Response, body=body, options=options)
        except groq.APIConnectionError as error:
            if isinstance(error.__cause__, LlmError):
                self.pacer.record_not_sent()
            if isinstance(error.__cause__, LlmError | VigieError):
                raise error.__cause__ from None
            raise Refused(UNREACHABLE, cause=cause_of(error)) from None
        except groq.APIStatusError as error:
            raise Refused.of(error.response, judge(error.status_code, error.response.content)) from None
        except groq.GroqError:
            raise Refused(UNREACHABLE, cause="Unreadable") from None
        finally:
            asking.milliseconds += round((time.monotonic() - began) * 1000)
        completion = read_response(response)
        self.pacer.record_response(
            sent, limits_of(response), min(completion.tokens_in + completion.tokens_out, most_tokens(request, asking))
        )
        return completion
