"""The way to the model provider: through a proxy or not, and which certificates are trusted."""

import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from vigie.errors import SettingsError
from vigie.transport import PEM_BEGINS, is_loopback
from vigie_llm.bounds import BoundedNetwork


@dataclass(frozen=True, slots=True)
class Route:
    """How a connection is made. `proxy_url` may hold a password; `ca_bundle` is PEM text."""

    proxy_url: str = field(default="", repr=False)
    ca_bundle: str = field(default="", repr=False)

    def certificates(self) -> ssl.SSLContext:
        """The public certificate authorities, and those of the bundle.

        Raises:
            SettingsError: the bundle holds no certificate.
        """
        # Not those of the environment: what a function trusts is said in its secret and template.
        context = httpx.create_ssl_context(trust_env=False)
        if self.ca_bundle:
            # Companies' own authorities and the proxies that use them often break the letter of RFC 5280 (no
            # authority key identifier), which Python checks since 3.13. Signatures and names are checked as ever.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            try:
                context.load_verify_locations(cadata=self.ca_bundle)
            except (ssl.SSLError, ValueError):
                raise SettingsError(
                    "ca_bundle of the model provider's secret (or LlmCaBundle) holds no certificate that can be read: "
                    "give it as PEM text"
                ) from None
        return context

    def transport(self, certificates: ssl.SSLContext, network: BoundedNetwork) -> httpx.HTTPTransport:
        """A transport that takes this way, over these connections."""
        secure = certificates if self.proxy_url.startswith("https:") else None
        proxy = httpx.Proxy(self.proxy_url, ssl_context=secure) if self.proxy_url else None
        transport = httpx.HTTPTransport(verify=certificates, trust_env=False, proxy=proxy)
        # httpx has no parameter for what its pool takes as `network_backend`; tests/unit/llm/test_bounds.py notices.
        transport._pool._network_backend = network
        return transport


def route_to(base_url: str, proxy_url: str = "", no_proxy: str = "", ca_bundle: str = "") -> Route:
    """The way to an address; this machine itself is never reached through a proxy.

    `ca_bundle` is PEM text, or the path of a file that a layer brings.

    Raises:
        SettingsError: the proxy is no http(s) address, or the bundle cannot be read.
    """
    parts = urlsplit(base_url.strip())
    direct = not proxy_url or bypasses_proxy(no_proxy, parts.hostname or "", parts.port or _port(parts.scheme))
    return Route("" if direct else _proxy(proxy_url), _certificates(ca_bundle))


def bypasses_proxy(no_proxy: str, host: str, port: int) -> bool:
    """Whether a host is reached without the proxy: `*`, names with their subdomains, addresses, networks, `:port`."""
    if is_loopback(host.rstrip(".")):
        return True
    return any(_matches(entry.strip().lower(), host.lower().rstrip("."), port) for entry in no_proxy.split(","))


def _matches(entry: str, host: str, port: int) -> bool:
    if not entry or entry == "*":
        return bool(entry)
    name, separator, number = entry.rpartition(":")
    if separator and number.isdecimal() and (":" not in name or name.endswith("]")):
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        name = entry.removeprefix("*").strip(".")
        return host == name or host.endswith(f".{name}")


def _port(scheme: str) -> int:
    return 80 if scheme == "http" else 443


def _proxy(url: str) -> str:
    """A proxy's address; one without a scheme is plain HTTP, as curl takes it."""
    address = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return address
    except ValueError:
        pass
    # The value may hold a password.
    raise SettingsError(
        "proxy_url of the model provider's secret (or LlmProxyUrl) is no proxy: write it as http://host:port; "
        "SOCKS is not supported"
    )


def _certificates(bundle: str) -> str:
    if not bundle or PEM_BEGINS in bundle:
        return bundle
    try:
        return Path(bundle).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise SettingsError(
            "ca_bundle of the model provider's secret (or LlmCaBundle) is neither PEM text nor a file that can be "
            "read: give the certificates as PEM text, or a path in a layer such as /opt/ca.pem"
        ) from None
