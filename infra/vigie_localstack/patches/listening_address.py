"""Listen on the address that LocalStack is configured with.

Works around: its web server takes the port of GATEWAY_LISTEN, ignores the address and listens on every network.
Tested by: tests/integration/local/test_localstack.py, on a running LocalStack.
Can go: when a LocalStack that honours the address is pinned.
"""

from __future__ import annotations

import os

from twisted.internet import endpoints


def listening_address() -> str:
    """Return the address in GATEWAY_LISTEN (`address:port`), the loopback address when there is none."""
    return os.environ.get("GATEWAY_LISTEN", "").rpartition(":")[0] or "127.0.0.1"


class AddressEndpoint(endpoints.TCP4ServerEndpoint):
    """A TCP endpoint whose default is the configured address instead of all of them."""

    def __init__(self, reactor: object, port: int, backlog: int = 50, interface: str | None = None) -> None:
        address = interface or listening_address()
        super().__init__(reactor, port, backlog, address)  # type: ignore[no-untyped-call]


def install() -> None:
    """Make every TCP endpoint of this process listen on the configured address."""
    vars(endpoints)["TCP4ServerEndpoint"] = AddressEndpoint
