"""FilterLogEvents, answered from where LocalStack keeps log events.

LocalStack hands the request on to moto, which goes through all events of a group for each page, dumps 10 MB of JSON and
runs a regular expression over it, for LocalStack to parse and write once more; and every phrase matches everything.
Here a page goes on where the last one ended, and holds what the phrase is in.
"""

from __future__ import annotations

import math
import re
from typing import Any

MOST_EVENTS = 10_000
KNOWN = {"logGroupName", "logStreamNames", "startTime", "endTime", "filterPattern", "nextToken", "limit"}
_PHRASE = re.compile(r'"([^"\\]*)"')


def search_directly(provider: Any) -> None:
    """Patches LocalStack's `LogsProvider`. What is asked in another way than here goes the way it went."""
    from localstack.aws.api import handler
    from localstack.services.logs.models import get_moto_logs_backend
    from localstack.services.moto import call_moto

    @handler("FilterLogEvents", expand=False)
    def filter_log_events(_self: Any, context: Any, request: dict[str, Any]) -> Any:
        given = {name: value for name, value in request.items() if value is not None}
        group = get_moto_logs_backend(context.account_id, context.region).groups.get(given["logGroupName"])
        found = search(group, given) if group else None
        return call_moto(context) if found is None else found

    provider.filter_log_events = filter_log_events


def search(group: Any, request: dict[str, Any]) -> dict[str, Any] | None:
    """A page of a moto log group, streams in their order; None when it must be asked for elsewhere.

    The next page's token is a stream's name with the place in it; a token that names no stream gives no events.
    """
    phrase = _phrase(request.get("filterPattern", ""))
    limit = request.get("limit") or MOST_EVENTS
    if phrase is None or limit > MOST_EVENTS or not set(request) <= KNOWN:
        return None
    names = request.get("logStreamNames")
    streams = [stream for name, stream in list(group.streams.items()) if not names or name in names]
    searched = [{"logStreamName": stream.log_stream_name, "searchedCompletely": True} for stream in streams]
    page: dict[str, Any] = {"events": [], "searchedLogStreams": searched}
    first_stream, _, place = request.get("nextToken", "").rpartition("@")
    start = int(place) if place.isascii() and place.isdigit() else 0
    if request.get("nextToken"):
        named = [number for number, stream in enumerate(streams) if stream.log_stream_name == first_stream]
        streams = streams[named[0] :] if named else []
    since, until = request.get("startTime") or 0, request.get("endTime") or math.inf
    for stream in streams:
        place_in_stream = _take(page["events"], stream, start, limit, (since, until), phrase)
        start = 0
        if place_in_stream is not None:
            page["nextToken"] = f"{stream.log_stream_name}@{place_in_stream}"
            break
    return page


def _take(
    taken: list[dict[str, Any]], stream: Any, start: int, limit: int, times: tuple[float, float], phrase: str
) -> int | None:
    """Take a stream's events from a place on, up to the limit of all; the place to go on at, if it was reached."""
    since, until = times
    name, stored = stream.log_stream_name, stream.events
    for place in range(start, len(stored)):
        event = stored[place]
        if not since <= event.timestamp <= until or phrase not in event.message:
            continue
        if len(taken) == limit:
            return place
        taken.append(
            {
                "logStreamName": name,
                "timestamp": event.timestamp,
                "message": event.message,
                "ingestionTime": event.ingestion_time,
                "eventId": str(event.event_id),
            }
        )
    return None


def _phrase(pattern: str) -> str | None:
    """What a pattern asks to be in a message, where it is nothing or one quoted phrase; None where it asks more."""
    if not pattern:
        return ""
    match = _PHRASE.fullmatch(pattern)
    return match[1] if match else None
