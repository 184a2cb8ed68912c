"""Answer FilterLogEvents as CloudWatch Logs does, in time that grows with what is asked for.

Works around: LocalStack leaves it to moto, which goes through all events of a group for each page, and whose answer is
written, searched, parsed and written once more: ten pages of a run cost 3 s of CPU, and each page more the longer the
group. Plain terms beginning with a digit match every message there. Here a page continues where the last one ended.
Tested by: tests/integration/localstack/test_patches.py, on a running LocalStack, and
tests/unit/localstack/test_log_filtering.py, against moto's own answers.
Can go: when moto's pages go on where the last one ended, and its plain terms match as AWS documents them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

MOST_EVENTS = 10_000
FOREVER = float("inf")
# What is answered here; a request with anything else goes the way it went.
KNOWN = {
    *("logGroupName", "logStreamNames", "logStreamNamePrefix", "startTime", "endTime"),
    *("filterPattern", "nextToken", "limit"),
}
_PHRASE = re.compile(r'"([^"\\]+)"')
_TERMS = re.compile(r"\w+(?: +\w+)*", re.ASCII)


class NotAnsweredHereError(Exception):
    """When a request asks for something that is left to moto."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: so many of a stream's events were looked at. As a token `group:stream:looked_at`."""

    stream: str
    looked_at: int

    @classmethod
    def parse(cls, token: str, group: str) -> Place | None:
        """Return the place that a token names; None where it is not one of this group's."""
        found = re.fullmatch(rf"{re.escape(group)}:(.+):([0-9]{{1,18}})", token)
        return cls(found[1], int(found[2])) if found else None

    def token(self, group: str) -> str:
        """Return the opaque text that a client sends back."""
        return f"{group}:{self.stream}:{self.looked_at}"


def read_page(backend: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return one page of a group's events.

    Raises:
        NotAnsweredHereError: an unknown group, or parameters that are left to moto.
    """
    group, limit = backend.groups.get(request.get("logGroupName")), request.get("limit", MOST_EVENTS)
    if group is None or request.keys() - KNOWN or not 1 <= limit <= MOST_EVENTS:
        raise NotAnsweredHereError
    streams, terms = _streams(group, request), _terms(request.get("filterPattern") or "")
    events, end = _page(_from(streams, request.get("nextToken"), group.name), request, terms, limit)
    answer = {
        "events": sorted(events, key=itemgetter("timestamp")),
        "searchedLogStreams": [
            {"logStreamName": stream.log_stream_name, "searchedCompletely": True} for stream in streams
        ],
    }
    return answer | ({"nextToken": end.token(group.name)} if end else {})


def _streams(group: Any, request: dict[str, Any]) -> list[Any]:
    """Return the streams that are asked for, in order of creation."""
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    if names and prefix:
        raise NotAnsweredHereError
    return [
        stream
        for name, stream in list(group.streams.items())
        if (not names or name in names) and (not prefix or name.startswith(prefix))
    ]


def _terms(pattern: str) -> list[str]:
    """Return what each message must contain: a quoted phrase, or each of several plain terms."""
    if phrase := _PHRASE.fullmatch(pattern):
        return [phrase[1]]
    if pattern and not _TERMS.fullmatch(pattern):
        raise NotAnsweredHereError
    return pattern.split()


def _from(streams: list[Any], token: str | None, group: str) -> Iterator[tuple[Any, int]]:
    """Yield each stream still to be searched, and from which of its events on; none for a token of no place here."""
    place = Place.parse(token, group) if token else None
    begun = not token
    for stream in streams:
        if begun:
            yield stream, 0
        elif place and stream.log_stream_name == place.stream and place.looked_at <= len(stream.events):
            begun = True
            yield stream, place.looked_at


def _page(
    rest: Iterator[tuple[Any, int]], request: dict[str, Any], terms: list[str], limit: int
) -> tuple[list[dict[str, Any]], Place | None]:
    """Return the events of one page, and where it ended; None where nothing is left."""
    start, end = request.get("startTime", 0), request.get("endTime", FOREVER)
    found: list[dict[str, Any]] = []
    for stream, first in rest:
        # Events are only ever added: up to this one they stay where they are.
        for number in range(first, len(stream.events)):
            event = stream.events[number]
            if start <= event.timestamp <= end and all(term in event.message for term in terms):
                if len(found) == limit:
                    return found, Place(stream.log_stream_name, number)
                found.append(event.to_filter_dict() | {"logStreamName": stream.log_stream_name})
    return found, None


def install() -> None:
    """Make LocalStack's provider of CloudWatch Logs answer FilterLogEvents with what is above."""
    from localstack.aws.api import handler
    from localstack.services.logs.models import get_moto_logs_backend
    from localstack.services.logs.provider import LogsProvider
    from localstack.services.moto import call_moto

    @handler("FilterLogEvents", expand=False)
    def filter_log_events(_provider: Any, context: Any, request: dict[str, Any]) -> Any:
        try:
            return read_page(get_moto_logs_backend(context.account_id, context.region), request)
        except NotAnsweredHereError:
            return call_moto(context)

    LogsProvider.filter_log_events = filter_log_events  # type: ignore[assignment, method-assign]
