"""What a function's handler wires together: settings, database, tokens, and the context of one request."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from vigie.audit import Origin
from vigie.database import Database
from vigie.secrets import DatabaseSecret, read_secret

MARGIN_SECONDS = 8.0
COLLECT_AFTER = 20_000


@dataclass(frozen=True, slots=True)
class Request:
    """One invocation: who acts for which run, and how long it may still work."""

    origin: Origin
    seconds_left: Callable[[], float]

    def for_run(self, run_id: str) -> "Request":
        """The same request, working for a run."""
        return Request(Origin(self.origin.agent, run_id, self.origin.request_id), self.seconds_left)


def open_database(secret_name: str) -> Database:
    """A database whose credentials come from Secrets Manager when first needed."""
    return Database(read_secret(DatabaseSecret, secret_name))


def request_of(agent: str, context: LambdaContext | Any) -> Request:
    """The request behind a Lambda context; `seconds_left` keeps a margin for closing what is open."""
    return Request(
        origin=Origin(agent=agent, request_id=context.aws_request_id),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS,
    )


def tune_garbage_collection() -> None:
    """Freeze the objects that exist now, and collect garbage after 20,000 new ones, not 2,000.

    Call it when a function's imports and clients are in place: they live as long as its environment.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
