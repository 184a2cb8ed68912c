"""The way to another machine: encrypted, to a server that proves its name, or there is no connection."""

import functools
import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import Any

from vigie.errors import SettingsError

PEM_BEGINS = "-----BEGIN CERTIFICATE-----"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def needs_certificates(host: str) -> bool:
    """Whether a database there is on another machine: neither at a loopback address nor at a socket's path."""
    return not is_loopback(host) and (not host.startswith("/") or "," in host)


def tls_parameters(host: str, ca_bundle: str) -> dict[str, Any]:
    """libpq's parameters for a host; they win over its environment variables, such as PGSSLMODE and PGHOSTADDR.

    `ca_bundle` is PEM text or a file's path. A database on this machine is verified too where it is given.

    Raises:
        SettingsError: another machine's database without certificates, or certificates that cannot be read.
    """
    if not ca_bundle and not needs_certificates(host):
        return {"hostaddr": ""}
    try:
        text = ca_bundle if PEM_BEGINS in ca_bundle else Path(ca_bundle).read_text(encoding="utf-8")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError):
        raise SettingsError(
            f"ca_bundle of the database's secret (or PGSSLROOTCERT) holds no certificates, and the database at {host} "
            "is on another machine: give the certificates (PEM) of the authority that signed the server's, as text or "
            "as the path of a file"
        ) from None
    # Encryption by GSSAPI would take the place of TLS, and asks for no certificate.
    return {"sslmode": "verify-full", "sslrootcert": _file_of(text).name, "gssencmode": "disable", "hostaddr": ""}


@functools.cache
def _file_of(text: str) -> Any:
    """A file of this process's own, which libpq wants; kept open by the cache, gone at the end."""
    file = tempfile.NamedTemporaryFile("w", prefix="vigie-ca-", suffix=".pem", encoding="utf-8")  # noqa: SIM115
    file.write(text)
    file.flush()
    return file
