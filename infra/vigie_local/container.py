"""What is different inside a container: `localhost` is the container, and other services run elsewhere."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

_TIMEOUT_S = 2


def seen_from_container(url: str, host_machine: str) -> str:
    """Return `url`, with the machine's own addresses replaced by `host_machine` when that is given."""
    if not host_machine or not names_this_machine(url):
        return url
    parts = urlsplit(url)
    login, at, _address = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{login}{at}{host_machine}{port}"))


def names_this_machine(url: str) -> bool:
    """Return whether the address is localhost, a loopback number or 0.0.0.0."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@dataclass(frozen=True)
class ServiceElsewhere:
    """A service that another container runs."""

    name: str
    host: str
    port: int

    def answers(self) -> bool:
        """Return whether something accepts a connection there."""
        try:
            socket.create_connection((self.host, self.port), timeout=_TIMEOUT_S).close()
        except OSError:
            return False
        return True
