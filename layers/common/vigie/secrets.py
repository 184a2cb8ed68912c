"""Secrets, from Secrets Manager only, kept for a bounded time."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from vigie.errors import SettingsError, TransientError

MAX_AGE_SECONDS = 300


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Base of the secrets: a JSON object with exactly these fields. Never printed."""

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read a secret's JSON.

        Raises:
            SettingsError: names the secret and its missing fields, never a value.
        """
        try:
            values = json.loads(text)
        except ValueError:
            values = None
        names = [field.name for field in fields(cls)]
        missing = [n for n in names if not isinstance(values, dict) or not str(values.get(n) or "")]
        if missing:
            raise SettingsError(
                f"secret {name} is malformed: {', '.join(missing)} missing. "
                f"Set it with: aws secretsmanager put-secret-value --secret-id {name} --secret-string file://…"
            )
        return cls(**{n: str(values[n]) for n in names})


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
    """Which model answers, and the key to it. `base_url` may end with `/openai/v1` or `/v1`, or before it."""

    provider: str
    base_url: str
    api_key: str
    model: str


def read_secret[S: Secret](kind: type[S], name: str) -> Callable[[bool], S]:
    """A function that fetches the secret, from a cache of `MAX_AGE_SECONDS` unless told to fetch afresh."""

    def fetch(afresh: bool = False) -> S:
        try:
            text = parameters.get_secret(name, max_age=MAX_AGE_SECONDS, force_fetch=afresh)
        except GetParameterError as error:
            if "ResourceNotFound" in str(error):
                raise SettingsError(f"secret {name} does not exist: deploy creates it (make deploy-local)") from None
            raise TransientError(f"secret {name} cannot be read now") from error
        return kind.parse(name, str(text))

    return fetch
