"""Secrets, from Secrets Manager only, kept for a bounded time."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Self

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from vigie.errors import SecretMalformedError, SettingsError, TransientError
from vigie.transport import needs_certificates, tls_parameters

MAX_AGE_SECONDS = 300
# What a header may hold.
_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Base of the secrets: a JSON object with these fields; those with a default may be missing. Never printed."""

    max_age_seconds: ClassVar[int] = MAX_AGE_SECONDS

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read a secret's JSON.

        Raises:
            SecretMalformedError: names the secret and its missing fields, never a value.
        """
        try:
            values = json.loads(text)
        except ValueError:
            values = None
        given = {key: cls.read_value(value) for key, value in values.items()} if isinstance(values, dict) else {}
        missing = [field.name for field in fields(cls) if field.default is MISSING and not given.get(field.name)]
        missing += cls.also_missing(given)
        if missing:
            raise SecretMalformedError(name, missing)
        return cls(**{field.name: given[field.name] for field in fields(cls) if given.get(field.name)})

    @staticmethod
    def read_value(value: object) -> str:
        """A field's text; empty where it is missing."""
        return str(value or "")

    @staticmethod
    def also_missing(_given: Mapping[str, str]) -> list[str]:
        """Fields with a default that these others make necessary."""
        return []


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseSecret(Secret):
    """Where the database is, and one role's credentials.

    `ca_bundle` holds the certificates (PEM, or a file's path) that the server's is verified by; a database on another
    machine has to have it.
    """

    host: str
    port: str
    dbname: str
    username: str
    password: str
    ca_bundle: str = ""

    @staticmethod
    def also_missing(_given: Mapping[str, str]) -> list[str]:
        """The certificates, for a database on another machine."""
        return (
            ["ca_bundle"]
            if needs_certificates(_given.get("host") or "localhost") and not _given.get("ca_bundle")
            else []
        )

    def parameters(self) -> dict[str, Any]:
        """What psycopg2 connects by; errors as for `tls_parameters`."""
        place = {"host": self.host, "port": self.port, "dbname": self.dbname}
        return place | {"user": self.username, "password": self.password} | tls_parameters(self.host, self.ca_bundle)


@dataclass(frozen=True, slots=True, repr=False)
class LlmSecret(Secret):
    """Which model answers, the key to it, and the way there.

    `base_url` may end with `/openai/v1` or `/v1`, or before it. `ca_bundle` holds certificates (PEM) that are trusted
    besides the public ones; `allow_cleartext` set to true lets an http:// address be another machine's. The secret says
    who receives what leaves, so that it is read again much sooner than others.

    Raises:
        SettingsError: the key holds what no header can.
    """

    max_age_seconds: ClassVar[int] = 2

    provider: str
    base_url: str
    api_key: str
    model: str
    proxy_url: str = ""
    no_proxy: str = ""
    ca_bundle: str = ""
    allow_cleartext: str = ""

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.api_key):
            raise SettingsError(
                "api_key of the model provider's secret holds a blank, a line break or a letter that no key has: "
                "copy it again, the key alone"
            )

    @staticmethod
    def read_value(value: object) -> str:
        """A field's text without the blanks and quotes that a hand may have pasted around it."""
        text = str(value or "").strip("\ufeff \t\r\n")
        is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`"
        return text[1:-1].strip() if is_quoted else text


def read_secret[S: Secret](kind: type[S], name: str) -> Callable[[bool], S]:
    """A function that fetches the secret, from a cache of `max_age_seconds` unless asked to fetch afresh."""

    def fetch(afresh: bool = False) -> S:
        try:
            text = parameters.get_secret(name, max_age=kind.max_age_seconds, force_fetch=afresh)
        except GetParameterError as error:
            if "ResourceNotFound" in str(error):
                raise SettingsError(f"secret {name} does not exist: deploy creates it (make deploy-local)") from None
            raise TransientError(f"secret {name} cannot be read now") from error
        return kind.parse(name, str(text))

    return fetch
