"""The network to the model provider, from the shell's usual variables: a proxy, its exceptions, certificates.

`LLM_PROXY`, `LLM_NO_PROXY` and `LLM_CA_BUNDLE` count for the model provider alone and win; empty is as if not set, and
`LLM_PROXY=none` means no proxy. All of it goes into the secret, since a proxy's address may hold a password.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from vigie.transport import is_loopback
from vigie_local.errors import SettingError

NO_PROXY = ("LLM_NO_PROXY", "NO_PROXY", "no_proxy")
CERTIFICATES = ("LLM_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXIES = {
    "https": ("LLM_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
    # `HTTP_PROXY` in capitals is left out by curl and others, because a web request can set it; a shell's is meant.
    "http": ("LLM_PROXY", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"),
}
NETWORK_VARIABLES = tuple(dict.fromkeys((*PROXIES["https"], *PROXIES["http"], *NO_PROXY, *CERTIFICATES)))


def network_fields(base_url: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The secret's fields `proxy_url`, `no_proxy` and `ca_bundle`; those that are not needed are left out.

    Raises:
        SettingError: names the variable whose value cannot be used.
    """
    parts = urlsplit(base_url)
    near = is_loopback(parts.hostname or "")
    found = {
        "proxy_url": "" if near else _proxy(PROXIES[parts.scheme], variables),
        "no_proxy": _first(NO_PROXY, variables)[1],
        "ca_bundle": _certificates_file(*_first(CERTIFICATES, variables)) if parts.scheme == "https" else "",
    }
    return {name: value for name, value in found.items() if value and (name != "no_proxy" or found["proxy_url"])}


def _first(names: tuple[str, ...], variables: Mapping[str, str]) -> tuple[str, str]:
    """The first variable that is set, and its value."""
    return next(((name, variables[name].strip()) for name in names if variables.get(name, "").strip()), ("", ""))


def _proxy(names: tuple[str, ...], variables: Mapping[str, str]) -> str:
    name, value = _first(names, variables)
    if not value or (name == "LLM_PROXY" and value.lower() == "none"):
        return ""
    address = value if "://" in value else f"http://{value}"
    parts = urlsplit(address)
    if parts.scheme not in PROXIES or not parts.hostname:
        # The value may hold a password.
        shown = f"{parts.scheme}://…"
        raise SettingError(name, shown, "give an HTTP proxy such as http://proxy.example:3128, or LLM_PROXY=none")
    return address


def _certificates_file(name: str, path: str) -> str:
    """A file of certificates, by its whole path: functions run on this machine and read it there.

    A machine's bundle is several times larger than a secret may be.
    """
    if not path:
        return ""
    file = Path(path).expanduser().absolute()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except (OSError, ValueError) as error:
        raise SettingError(name, path, f"give a file of certificates in PEM form ({type(error).__name__})") from error
    return str(file)
