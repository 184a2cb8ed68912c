"""Starts LocalStack listening where GATEWAY_LISTEN says: `python -m vigie_local.gateway`.

LocalStack's web server takes the port of GATEWAY_LISTEN, ignores the address and listens on every
network of the machine. Here the address counts.
"""

from __future__ import annotations

import os

from twisted.internet import endpoints


def listening_address() -> str:
    """The address in GATEWAY_LISTEN (`address:port`), the loopback address when there is none."""
    return os.environ.get("GATEWAY_LISTEN", "").rpartition(":")[0] or "127.0.0.1"


class AddressEndpoint(endpoints.TCP4ServerEndpoint):
    """A TCP endpoint whose default is the configured address instead of all of them."""

    def __init__(self, reactor: object, port: int, backlog: int = 50, interface: str | None = None) -> None:
        address = interface or listening_address()
        super().__init__(reactor, port, backlog, address)  # type: ignore[no-untyped-call]


def main() -> None:
    """Runs LocalStack in this process until it is told to stop."""
    vars(endpoints)["TCP4ServerEndpoint"] = AddressEndpoint
    from localstack.runtime.main import main as run_localstack

    run_localstack()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
