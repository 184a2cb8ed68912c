"""Who receives a call, where, and under which retention terms: what the egress ledger states.

All of it follows from the address that is called, not from what the secret calls its provider.
"""

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, quote, urlsplit

from vigie.endpoint import Endpoint
from vigie.errors import SettingsError
from vigie.transport import is_loopback

GROQ_PATH = "/openai/v1"
OPENAI_PATH = "/v1"
LOCAL_RULES = "local rules on this machine"
LOCAL_MODEL = "model on this machine"
# A name, whatever its alphabet, or an IPv6 address.
_HOST = re.compile(r"[\w.:%-]+")
DEFAULT_PORTS = {"http": 80, "https": 443}


class ProviderAddress(Protocol):
    """What of a secret, or of the settings that make one, says where calls go."""

    @property
    def provider(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def allow_cleartext(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Recipient:
    """The other end of an external call, for the ledger."""

    name: str
    country: str
    retention: str


def recipient_of(secret: ProviderAddress) -> Recipient:
    """The recipient at the address that a secret points at.

    A model on this machine may itself pass calls on, so only our own rules are said to keep and send nothing.

    Raises:
        SettingsError: `base_url` is no address.
    """
    host = _host(_split(secret.base_url))
    if is_loopback(host) and secret.provider == "local":
        return Recipient(LOCAL_RULES, "none", "nothing is kept")
    if _split(secret.base_url).scheme == "https" and f".{host}".endswith(".groq.com"):
        return Recipient("Groq", "US", "as agreed with Groq; zero data retention is a setting of the account")
    name = LOCAL_MODEL if is_loopback(host) else host
    return Recipient(name, "where the model is operated", "as agreed with its operator")


def endpoint_of(secret: ProviderAddress) -> Endpoint:
    """Recipient, address and model.

    Raises:
        SettingsError: `base_url` is no address, or whoever is on the way could read what is sent.
    """
    parts = _split(provider_root(secret))
    host = _host(parts)
    if is_cleartext(secret.base_url) and secret.allow_cleartext.lower() != "true":
        raise SettingsError(
            "base_url of the model provider's secret begins with http:// and is another machine's: whoever is on the "
            "way could read the feedback and the key. Write https://, or, where you answer for that network, set "
            "allow_cleartext to true in the secret (LLM_ALLOW_CLEARTEXT=true for make deploy-local)"
        )
    place = f"[{host}]" if ":" in host else host
    if parts.port and parts.port != DEFAULT_PORTS[parts.scheme]:
        place += f":{parts.port}"
    # Without credentials: the address is stored and shown.
    path = quote(parts.path.rstrip("/"), safe="/%~") + api_path(secret)
    return Endpoint(recipient_of(secret).name, f"{parts.scheme}://{place}{path}", secret.model)


def is_cleartext(base_url: str) -> bool:
    """Whether what is sent to an address crosses a network without encryption; errors as for `recipient_of`."""
    parts = _split(base_url)
    return parts.scheme == "http" and not is_loopback(_host(parts))


def call_url(secret: ProviderAddress) -> str:
    """Where calls are posted: below the address that `endpoint_of` states, with the credentials that it leaves out."""
    credentials, at, _ = _split(secret.base_url).netloc.rpartition("@")
    return endpoint_of(secret).address.replace("//", f"//{credentials}{at}", 1) + "/chat/completions"


def api_path(secret: ProviderAddress) -> str:
    """Where below its root a provider answers: the groq package posts to `/openai/v1`, a private model to `/v1`."""
    return OPENAI_PATH if secret.provider == "openai-compatible" else GROQ_PATH


def provider_root(secret: ProviderAddress) -> str:
    """The address before `api_path`: most providers document theirs with it, some a call's whole address."""
    root = secret.base_url.strip().rstrip("/").removesuffix("/chat/completions").rstrip("/")
    root = root.removesuffix(OPENAI_PATH).rstrip("/")
    return root.removesuffix("/openai").rstrip("/") if api_path(secret) == GROQ_PATH else root


def _split(base_url: str) -> SplitResult:
    """The parts of an address; SettingsError names the field, not the value, which may hold credentials."""
    try:
        parts = urlsplit(base_url.strip())
        is_plain = _HOST.fullmatch(parts.hostname or "") and not parts.query and not parts.fragment
        if parts.scheme in DEFAULT_PORTS and is_plain and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise SettingsError(
        "base_url of the model provider's secret is no address: write it as https://host, https://host:port or "
        "https://host/v1, without a query"
    )


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    try:
        return host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        return quote(host)
