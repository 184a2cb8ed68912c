"""Secrets, from Secrets Manager only, kept for a bounded time."""

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import ClassVar, Self

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from vigie.errors import SecretMalformedError, SettingsError, TransientError

MAX_AGE_SECONDS = 300


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
        given = {key: str(value or "") for key, value in values.items()} if isinstance(values, dict) else {}
        missing = [field.name for field in fields(cls) if field.default is MISSING and not given.get(field.name)]
        if missing:
            raise SecretMalformedError(name, missing)
        return cls(**{field.name: given[field.name] for field in fields(cls) if given.get(field.name)})


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseSecret(Secret):
    """Where the database is, and one role's credentials."""

    host: str
    port: str
    dbname: str
    username: str
    password: str


@dataclass(frozen=True, slots=True, repr=False)
class LlmSecret(Secret):
    """Which model answers, the key to it, and the way there.

    `base_url` may end with `/openai/v1` or `/v1`, or before it. `ca_bundle` holds certificates (PEM) that are trusted
    besides the public ones. It says who receives what leaves, so that it is read again much sooner than others.
    """

    max_age_seconds: ClassVar[int] = 2

    provider: str
    base_url: str
    api_key: str
    model: str
    proxy_url: str = ""
    no_proxy: str = ""
    ca_bundle: str = ""


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
