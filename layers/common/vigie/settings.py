"""The only place that reads the environment: typed settings, all missing ones named at once."""

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self

from vigie.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Settings:
    """Base of every function's settings: field `foo_bar` is read from `FOO_BAR` and converted to its type."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and convert every field.

        Raises:
            SettingsError: names each variable that is missing or is not of its type.
        """
        source = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        problems: list[str] = []
        for field in fields(cls):
            variable = field.name.upper()
            text = source.get(variable, "")
            if not text:
                if field.default is MISSING:
                    problems.append(f"{variable} is missing")
                continue
            try:
                values[field.name] = _convert(text, field.type)
            except ValueError:
                problems.append(f"{variable}={text!r} is not of type {_type_name(field.type)}")
        if problems:
            raise SettingsError("; ".join(problems) + ". Set them in template.yaml.")
        return cls(**values)


def _convert(text: str, to: Any) -> Any:
    return to(text) if to in (int, float) else text


def _type_name(of: Any) -> str:
    return of.__name__ if isinstance(of, type) else str(of)


@dataclass(frozen=True, slots=True)
class AgentSettings(Settings):
    """What every agent needs: the name of the secret with its database role's credentials."""

    database_secret: str
