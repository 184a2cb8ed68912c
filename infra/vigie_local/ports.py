"""Ports on the loopback address: finding a free one, and knowing that one is taken."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterable

from vigie_local.errors import PortTakenError
from vigie_local.settings import LOOPBACK


def free_port() -> int:
    """A port that no program listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    """Return whether a service could not listen on this port (connections that are just closing do not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return True
            raise
        return False


def accepts(port: int, timeout: float = 0.5) -> bool:
    """Return whether something answers a connection on this port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout):
            return True
    except OSError:
        return False


def require_free(wanted: Iterable[tuple[str, int, str]]) -> None:
    """Raise PortTakenError naming every taken port of `(service, port, variable)` and its variable."""
    wanted = list(wanted)
    problems = [
        f"  {service} wants port {port}, which another program uses. "
        f"Stop that program, or choose another port: {variable}=… (free now: {free_port()})"
        for service, port, variable in wanted
        if _stays_taken(port)
    ]
    problems += _doubles(wanted)
    if problems:
        raise PortTakenError("Nothing was started.\n" + "\n".join(problems))


def _stays_taken(port: int) -> bool:
    """Return whether a port is taken by more than an outgoing connection that happens to begin there and soon ends."""
    for _attempt in range(10):
        if not is_taken(port):
            return False
        if accepts(port):
            return True
        time.sleep(0.2)
    return True


def _doubles(wanted: list[tuple[str, int, str]]) -> list[str]:
    owners: dict[int, str] = {}
    problems = []
    for _service, port, variable in wanted:
        if port in owners:
            problems.append(f"  {variable} and {owners[port]} are both {port}. Give them different ports.")
        owners.setdefault(port, variable)
    return problems
