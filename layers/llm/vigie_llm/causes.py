"""Why no answer came: a closed list of causes, each with what an operator can do about it."""

import socket
import ssl
from collections.abc import Iterator
from typing import Literal, get_args

import httpx

Cause = Literal["Dns", "Refused", "TimedOut", "Tls", "Proxy", "Reset", "Connection", "Deadline", "Status", "Unreadable"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
REMEDIES: dict[Cause, str] = {
    "Dns": "the name in base_url cannot be resolved: check its spelling, or set the proxy that resolves it (LLM_PROXY)",
    "Refused": "nothing listens at base_url: check address and port, and that the model server runs",
    "TimedOut": "no answer came in time: check firewall and route to base_url, or set the proxy (LLM_PROXY)",
    "Tls": "the certificate at base_url is not trusted: give your own authority's as PEM (LLM_CA_BUNDLE)",
    "Proxy": "the proxy cannot be reached or refuses: check its address, user and password (LLM_PROXY)",
    "Reset": "the connection was cut: check the model server, or a firewall that inspects what passes",
    "Connection": "no connection came about: check base_url and the network",
    "Deadline": "the function's time was used up: lower LlmConcurrency or BatchSize",
    "Status": "the provider answered with an error: see its status page and this account's limits",
    "Unreadable": "the answer is no completion: check that base_url is a model's address, not a web page's",
}
# The first that fits. What TLS raises is an OSError, too, and a failed look-up as well.
KINDS: tuple[tuple[type[BaseException], Cause], ...] = (
    (httpx.ProxyError, "Proxy"),
    (ssl.SSLError, "Tls"),
    (socket.gaierror, "Dns"),
    (ConnectionRefusedError, "Refused"),
    (httpx.TimeoutException, "TimedOut"),
    (TimeoutError, "TimedOut"),
    (ConnectionError, "Reset"),
    (httpx.RemoteProtocolError, "Reset"),
    (httpx.ReadError, "Reset"),
    (httpx.WriteError, "Reset"),
    (httpx.DecodingError, "Unreadable"),
)


def cause_of(error: BaseException) -> Cause:
    """The class of what kept an answer from coming, from an error and those it was raised from."""
    raised = list(_chain(error))
    return next((cause for kind, cause in KINDS if any(isinstance(one, kind) for one in raised)), "Connection")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
