"""What an execution may ask for. Anything else is refused by name, and nothing is planned."""

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vigie.endpoint import Endpoint
from vigie.errors import InvalidInputError
from vigie.runs import MOST_INPUT_BYTES
from vigie.vocabulary import RunKind

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
# An execution's name cannot be used again: one that resumes a run has a name of its own, which contains the run's.
CAMPAIGN = re.compile(r"[a-z][a-z-]{0,30}[a-z0-9-]{0,4}")
RESUMES = re.compile(r"(?P<run_id>.+)--resume-[0-9]+")
ALLOWED = ("customer_ids", "limit", "batch_size", "purpose", "redrive", "campaign")
MAX_BATCH_SIZE = 1000
# What Step Functions takes, less the other fields and what the state machine adds when it calls this function.
MOST_CUSTOMER_IDS_BYTES = MOST_INPUT_BYTES - 2048
ID_BYTES = 39
# Of what cannot be, this much is repeated: an input may be a quarter of a megabyte of it.
SHOWN = 10
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A run to plan. Empty `customer_ids` and no `limit` mean everybody due; `redrive` is a run to process again.

    `campaign` is the one to propose into; none means the open one of the contract, where there is one.

    `endpoint` is where the agents' calls go, which they say themselves: the planner may not read the secret.
    """

    run_id: str
    customer_ids: tuple[UUID, ...] = ()
    limit: int | None = None
    batch_size: int | None = None
    purpose: RunKind = RunKind.RETENTION
    resumes: bool = False
    redrive: str | None = None
    endpoint: Endpoint | None = None
    campaign: str | None = None

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "PlanRequest":
        """Read the state machine's call: `run_id` and the execution's `input`.

        Raises:
            InvalidInputError: names every field that cannot be, its value and the remedy.
        """
        given = event.get("input")
        if not isinstance(given, dict):
            raise InvalidInputError("the execution's input is not a JSON object: give {} to run everybody due")
        problems = _unknown_fields(given)
        customer_ids = _customer_ids(given.get("customer_ids"), problems)
        limit = _whole_number(given, "limit", 10_000_000, problems)
        batch_size = _whole_number(given, "batch_size", MAX_BATCH_SIZE, problems)
        purpose = given.get("purpose", RunKind.RETENTION)
        if purpose not in tuple(RunKind):
            problems.append(f"purpose={_shown(purpose)} is unknown: use {', '.join(RunKind)}")
        redrive = _redrive(given, problems)
        campaign = _campaign(given, problems)
        if problems:
            raise InvalidInputError("; ".join(problems))
        run_id = _run_id(event)
        resumed = RESUMES.fullmatch(run_id)
        named = resumed["run_id"] if resumed else run_id
        endpoint = Endpoint.parse(event.get("endpoint"))
        resumes, kind = resumed is not None, RunKind(purpose)
        return cls(named, customer_ids, limit, batch_size, kind, resumes, redrive, endpoint, campaign)


@dataclass(frozen=True, slots=True)
class FinishRequest:
    """A run to close, with what the audit agent answered."""

    run_id: str
    audit: dict[str, Any]

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "FinishRequest":
        """Read the state machine's call; errors as for `PlanRequest`."""
        audit = event.get("audit")
        return cls(_run_id(event), audit if isinstance(audit, dict) else {})


def _run_id(event: dict[str, Any]) -> str:
    run_id = event.get("run_id")
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        raise InvalidInputError(
            "the execution's name cannot be a run id: use letters, digits, - and _, at most 80 of them"
        )
    return run_id


def _unknown_fields(given: dict[str, Any]) -> list[str]:
    unknown = [name for name in given if name not in ALLOWED]
    problems = [f"{name[:SHOWN_CHARACTERS]} is unknown: use {', '.join(ALLOWED)}" for name in unknown[:SHOWN]]
    return [*problems, f"{len(unknown) - SHOWN} more are unknown"] if len(unknown) > SHOWN else problems


def _redrive(given: dict[str, Any], problems: list[str]) -> str | None:
    value = given.get("redrive")
    if value is None:
        return None
    if not isinstance(value, str) or not RUN_ID.fullmatch(value):
        problems.append(f"redrive={_shown(value)} is no run id: name a closed run")
        return None
    problems += [
        f"{name} cannot be given with redrive: its customers and its purpose are those of the run that it names"
        for name in ("customer_ids", "purpose")
        if given.get(name) is not None
    ]
    return value


def _campaign(given: dict[str, Any], problems: list[str]) -> str | None:
    value = given.get("campaign")
    if value is None:
        return None
    if not isinstance(value, str) or not CAMPAIGN.fullmatch(value):
        problems.append(f"campaign={_shown(value)} is no campaign's id: vigie campaigns list shows them")
        return None
    if given.get("purpose", RunKind.RETENTION) != RunKind.RETENTION:
        problems.append(
            f"campaign cannot be given with purpose={_shown(given['purpose'])}: such a run proposes nothing"
        )
    return value


def _shown(value: object) -> str:
    return json.dumps(value)[:SHOWN_CHARACTERS]


def _customer_ids(given: object, problems: list[str]) -> tuple[UUID, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not given:
        problems.append("customer_ids must be a list of customer ids, at least one")
        return ()
    size = len(json.dumps(given, separators=(",", ":")))
    if size > MOST_CUSTOMER_IDS_BYTES:
        problems.append(
            f"customer_ids are {len(given)} ids of {size} bytes together: an execution's input takes"
            f" {MOST_CUSTOMER_IDS_BYTES} bytes of them (about {MOST_CUSTOMER_IDS_BYTES // ID_BYTES} ids). Leave"
            " customer_ids out to run everybody due, use limit, or start several runs"
        )
        return ()
    ids = [_uuid(item) for item in given]
    wrong = [position for position, parsed in enumerate(ids) if parsed is None]
    if wrong:
        # The values themselves may be anything, a name even: they are not repeated.
        problems.append(f"customer_ids at position {', '.join(map(str, wrong[:SHOWN]))} are no UUIDs: use customer_id")
    return tuple(dict.fromkeys(parsed for parsed in ids if parsed is not None))


def _uuid(item: object) -> UUID | None:
    try:
        return UUID(item) if isinstance(item, str) else None
    except ValueError:
        return None


def _whole_number(given: dict[str, Any], name: str, most: int, problems: list[str]) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        problems.append(f"{name}={_shown(value)} is not a whole number from 1 to {most}")
        return None
    return value
