"""The server's behaviour as typed settings, refused by name when they make no sense."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OUTCOMES = (
    "ok",
    "error_500",
    "error_502",
    "error_503",
    "rate_limited",
    "unauthorised",
    "reset",
    "refusal",
    "not_json",
    "truncated_json",
    "wrong_json",
    "empty",
    "half_answer",
    "trickle",
    "hang",
    # Refusals that Groq documents, by their code; the last two have status 200.
    "json_validate_failed",
    "too_large",
    "day_limit",
    "capacity_exceeded",
    "cancelled",
    "forbidden",
    "model_not_found",
    "model_decommissioned",
    "no_json_schema",
    "unexplained_400",
    "web_page",
    "error_body",
    # As others answer: an account without quota, a portal, another service.
    "no_quota",
    "redirected",
    "no_completion",
    # Answers of reasoning models, and odd figures.
    "cut_at_length",
    "null_content",
    "parts",
    "thoughts",
    "fenced",
    "odd_usage",
    "filtered",
    "declined",
)
DISTRIBUTIONS = ("fixed", "uniform", "lognormal")
OBEDIENCE = ("off", "injections", "always")


class SettingsError(ValueError):
    """When a setting is unknown or has a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every switch; the defaults are a fast server that behaves well.

    latency_ms: median delay before an answer. latency_spread_ms: half width for `uniform`, standard
    deviation for `lognormal`. rates: probability by outcome, drawn from `seed` and the request's own
    text, so that order of arrival changes nothing. plan: outcomes for the next requests in order of
    arrival, before rates apply. requests_window_seconds: what `requests_per_minute` is for, in fact; Groq's limit of
    requests is a day's, 86400.
    """

    latency_ms: float = 0.0
    latency_spread_ms: float = 0.0
    latency_distribution: str = "fixed"
    requests_per_minute: int | None = None
    requests_window_seconds: float = 60.0
    tokens_per_minute: int | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    plan: tuple[str, ...] = ()
    seed: int = 0
    obey_attacker: str = "off"
    obey_beyond_schema: bool = False
    trickle_bytes: int = 16
    trickle_interval_ms: float = 50.0
    hang_seconds: float = 600.0
    accepted_keys: tuple[str, ...] = ()
    record_bytes: int = 64_000_000

    def __post_init__(self) -> None:
        _check(self)

    def changed(self, changes: Mapping[str, object]) -> "Settings":
        """A copy with `changes` applied; `obey_attacker` also takes true and false."""
        known = {item.name for item in dataclasses.fields(self)}
        for name in changes:
            if name not in known:
                raise SettingsError(f"{name}: no such setting; known are {', '.join(sorted(known))}")
        values: dict[str, Any] = {name: _frozen(name, value) for name, value in changes.items()}
        return dataclasses.replace(self, **values)

    def public(self) -> dict[str, object]:
        """All settings for showing; of the accepted keys only how many there are."""
        shown = dataclasses.asdict(self)
        shown["accepted_keys"] = len(self.accepted_keys)
        return shown


def from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """Settings named `VIGIE_MODEL_SERVER_<SETTING>`, values as JSON (a bare word counts as text)."""
    prefix = "VIGIE_MODEL_SERVER_"
    return {
        name.removeprefix(prefix).lower(): parsed(value)
        for name, value in environment.items()
        if name.startswith(prefix)
    }


def parsed(value: str) -> object:
    """A value given as text: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _frozen(name: str, value: object) -> object:
    if name in ("plan", "accepted_keys"):
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise SettingsError(f"{name}: must be a list of texts")
        return tuple(value)
    if name == "obey_attacker" and isinstance(value, bool):
        return "always" if value else "off"
    return value


def _check(settings: Settings) -> None:
    for name in ("latency_ms", "latency_spread_ms", "trickle_interval_ms", "hang_seconds"):
        _check_number(name, getattr(settings, name), minimum=0)
    _check_number("requests_window_seconds", settings.requests_window_seconds, minimum=1)
    for name in ("trickle_bytes", "record_bytes"):
        _check_number(name, getattr(settings, name), minimum=1, whole=True)
    _check_number("seed", settings.seed, minimum=0, whole=True)
    for name in ("requests_per_minute", "tokens_per_minute"):
        if getattr(settings, name) is not None:
            _check_number(name, getattr(settings, name), minimum=1, whole=True)
    _check_choice("latency_distribution", settings.latency_distribution, DISTRIBUTIONS)
    _check_choice("obey_attacker", settings.obey_attacker, OBEDIENCE)
    if not isinstance(settings.obey_beyond_schema, bool):
        raise SettingsError(f"obey_beyond_schema: {settings.obey_beyond_schema!r} is not true or false")
    for outcome in settings.plan:
        _check_choice("plan", outcome, OUTCOMES)
    _check_rates(settings.rates)


def _check_number(name: str, value: object, *, minimum: int, whole: bool = False) -> None:
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or value < minimum:
        raise SettingsError(f"{name}: {value!r} must be {'a whole number' if whole else 'a number'} from {minimum}")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name}: {value!r} is not one of {', '.join(choices)}")


def _check_rates(rates: object) -> None:
    if not isinstance(rates, Mapping):
        raise SettingsError(f"rates: {rates!r} must be an object of outcome and probability")
    for outcome, share in rates.items():
        _check_choice("rates", outcome, OUTCOMES)
        _check_number(f"rates.{outcome}", share, minimum=0)
    total = sum(rates.values())
    if total > 1 + 1e-9:
        raise SettingsError(f"rates: probabilities add up to {total:g}, must be at most 1")
