"""What an execution may ask for. Anything else is refused by name, and nothing is planned."""

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vigie.endpoint import Endpoint
from vigie.errors import InvalidInputError

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
# An execution's name is taken for good: one that goes on with a run has another, which names the run all the same.
RESUMES = re.compile(r"(?P<run_id>.+)--resume-[0-9]+")
PURPOSES = ("retention", "test", "benchmark")
ALLOWED = ("customer_ids", "limit", "batch_size", "purpose")
MAX_CUSTOMER_IDS = 10_000
MAX_BATCH_SIZE = 1000


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A run to plan. Empty `customer_ids` and no `limit` mean everybody due.

    `endpoint` is where the agents' calls go, which they say themselves: the planner may not read the secret.
    """

    run_id: str
    customer_ids: tuple[UUID, ...] = ()
    limit: int | None = None
    batch_size: int | None = None
    purpose: str = "retention"
    resumes: bool = False
    endpoint: Endpoint | None = None

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "PlanRequest":
        """Read the state machine's call: `run_id` and the execution's `input`.

        Raises:
            InvalidInputError: names every field that cannot be, its value and the remedy.
        """
        given = event.get("input")
        if not isinstance(given, dict):
            raise InvalidInputError("the execution's input is not a JSON object: give {} to run everybody due")
        problems = [f"{name} is unknown: use {', '.join(ALLOWED)}" for name in given if name not in ALLOWED]
        customer_ids = _customer_ids(given.get("customer_ids"), problems)
        limit = _whole_number(given, "limit", 10_000_000, problems)
        batch_size = _whole_number(given, "batch_size", MAX_BATCH_SIZE, problems)
        purpose = given.get("purpose", "retention")
        if purpose not in PURPOSES:
            problems.append(f"purpose={json.dumps(purpose)[:60]} is unknown: use {', '.join(PURPOSES)}")
        if problems:
            raise InvalidInputError("; ".join(problems))
        run_id = _run_id(event)
        resumed = RESUMES.fullmatch(run_id)
        named = resumed["run_id"] if resumed else run_id
        endpoint = Endpoint.parse(event.get("endpoint"))
        return cls(named, customer_ids, limit, batch_size, purpose, resumed is not None, endpoint)


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


def _customer_ids(given: object, problems: list[str]) -> tuple[UUID, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_CUSTOMER_IDS:
        problems.append(f"customer_ids must be a list of 1 to {MAX_CUSTOMER_IDS} customer ids")
        return ()
    ids = [_uuid(item) for item in given]
    wrong = [position for position, parsed in enumerate(ids) if parsed is None]
    if wrong:
        # The values themselves may be anything, a name even: they are not repeated.
        problems.append(f"customer_ids at position {', '.join(map(str, wrong[:10]))} are no UUIDs: use customer_id")
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
        problems.append(f"{name}={json.dumps(value)[:40]} is not a whole number from 1 to {most}")
        return None
    return value
