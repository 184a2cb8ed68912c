"""Keep what arrived, within a bound, so that a test can search everything that left the pipeline."""

from collections import Counter, deque
from dataclasses import dataclass

KEY_HEADERS = frozenset({"authorization", "x-api-key", "cookie"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it arrived, its key left out, and what became of it."""

    number: int
    at: float
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    outcome: str
    status: int
    latency_ms: float


class Recorder:
    """The newest requests up to `max_bytes` of bodies and headers; older ones are dropped and counted."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.clear()

    def clear(self) -> None:
        self.kept: deque[Recorded] = deque()
        self.bytes = 0
        self.dropped = 0
        self.outcomes: Counter[str] = Counter()

    def add(self, request: Recorded) -> None:
        self.outcomes[request.outcome] += 1
        self.kept.append(request)
        self.bytes += _size(request)
        while self.kept and self.bytes > self.max_bytes:
            self.bytes -= _size(self.kept.popleft())
            self.dropped += 1

    def page(self, contains: str | None, offset: int, limit: int) -> dict[str, object]:
        """Requests oldest first; `contains` (case ignored) selects by body, path or header."""
        needle = contains.lower().encode() if contains else None
        found = [item for item in self.kept if needle is None or needle in _searchable(item)]
        return {
            "matching": len(found),
            "kept": len(self.kept),
            "dropped": self.dropped,
            "requests": [_as_json(item) for item in found[offset : offset + limit]],
        }


def without_key(headers: list[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Headers as text, those that carry a key left out."""
    decoded = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    return tuple([header for header in decoded if header[0] not in KEY_HEADERS])


def _size(request: Recorded) -> int:
    return (
        len(request.body) + len(request.path) + sum([len(name) + len(value) for name, value in request.headers]) + 200
    )


def _searchable(request: Recorded) -> bytes:
    headers = "\n".join(f"{name}: {value}" for name, value in request.headers)
    return request.body.lower() + f"\n{request.path}\n{headers}".lower().encode()


def _as_json(request: Recorded) -> dict[str, object]:
    return {
        "number": request.number,
        "at": request.at,
        "method": request.method,
        "path": request.path,
        "headers": dict(request.headers),
        "body": request.body.decode("utf-8", "replace"),
        "outcome": request.outcome,
        "status": request.status,
        "latency_ms": round(request.latency_ms, 1),
    }
