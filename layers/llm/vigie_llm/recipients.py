"""Who receives a call, where, and under which retention terms: what the egress ledger states."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from vigie.secrets import LlmSecret


@dataclass(frozen=True, slots=True)
class Recipient:
    """The other end of an external call, for the ledger."""

    name: str
    country: str
    retention: str


def recipient_of(secret: LlmSecret) -> Recipient:
    """The recipient that a secret points at."""
    host = urlsplit(secret.base_url).hostname or "unknown"
    if secret.provider == "local":
        return Recipient("local rules on this machine", "none", "nothing is kept")
    if secret.provider == "groq":
        return Recipient("Groq", "US", "as agreed with Groq; zero data retention is a setting of the account")
    return Recipient(host, "where the model is operated", "as agreed with its operator")
