"""Fast match of log lines with stored events: the canonical JSON that agents write is compared without parsing it.

What is found here is a claim, right only where it is the fingerprint of an event that is known. Then the text is that
event's, letter for letter, and the line reports it: its envelope is known to hold under `audit` whatever is there.
Any other line, changed or older or of another form, must be parsed.
"""

import json
import re
from functools import lru_cache

from vigie.verify import leaf_hash

NAME, EVENT_ID, STATUS, TIMESTAMP = '"audit":', '"event_id":"', '"status":"', '"timestamp":"'
UUID_LENGTH = 36
# An envelope is that of one invocation, but for the time.
ENVELOPES = 1_000
_MOMENT = re.compile(r"[0-9 :.,+TZ-]*")


def match_canonical_event(message: str) -> tuple[bytes, bytes] | None:
    """Return id and fingerprint of the event that a line may hold; None where the line must be parsed."""
    start = message.find(NAME) + len(NAME)
    at = message.rfind(EVENT_ID) + len(EVENT_ID)
    end = message.find('"}', message.find(STATUS, at)) + len('"}')
    if not len(NAME) <= start < at < end or not is_envelope(_without_time(message[:start]), message[end:]):
        return None
    try:
        event_id = bytes.fromhex(message[at : at + UUID_LENGTH].replace("-", ""))
        return event_id, leaf_hash(message[start:end].encode())
    except ValueError:
        return None


def _without_time(before: str) -> str:
    """What precedes the event, without the time of the line.

    It is in a string (a quotation mark and a colon precede it), and its characters mean nothing there: a line
    that can be parsed without it can be parsed with it.
    """
    start = before.find(TIMESTAMP) + len(TIMESTAMP)
    end = before.find('"', start)
    known = len(TIMESTAMP) <= start <= end and _MOMENT.fullmatch(before, start, end)
    return before[:start] + before[end:] if known else before


@lru_cache(ENVELOPES)
def is_envelope(before: str, after: str) -> bool:
    """Whether any JSON value between these two is what a reader of the whole finds under `audit`.

    `before` ends with that name and a colon, so that a constant put there is read as a value. Where it is the only
    constant, and is found under the only `audit` of the outermost object, this is its place.
    """
    constants: list[object] = []

    def take(_text: str) -> object:
        constants.append(object())
        return constants[-1]

    try:
        line = json.loads(f"{before}NaN{after}", parse_constant=take, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return False
    found = [value for name, value in line if name == "audit"] if isinstance(line, tuple) else []
    return len(constants) == 1 and found == constants
