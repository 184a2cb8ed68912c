"""Turn the output of a function's process into log events, in the order written."""

import asyncio
import os
import time
from dataclasses import dataclass, field

from vigie_localstack.executor.log_delivery import EVENT_OVERHEAD, LogDelivery, LogEvent, StreamName

# CloudWatch's limit for one event, its overhead included. Longer lines become several events.
LONGEST_LINE = 262_144 - EVENT_OVERHEAD - len("\n")
# A pipe holds at most this much, so that reading this much after an answer leaves nothing written before it.
PIPE_BYTES = 262_144
_TAIL_BYTES = 4096


def split_lines(text: bytes) -> tuple[list[bytes], bytes]:
    """Split off the complete lines; a line that is too long is cut between characters."""
    lines: list[bytes] = []
    *complete, rest = text.split(b"\n")
    for line in complete:
        *pieces, last = _cut(line)
        lines += [*pieces, last]
    *pieces, rest = _cut(rest)
    return lines + pieces, rest


def _cut(line: bytes) -> list[bytes]:
    pieces = []
    while len(line) > LONGEST_LINE:
        end = LONGEST_LINE
        while end > LONGEST_LINE - 4 and line[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line]


@dataclass
class LogStream:
    """One environment's log stream: what its process writes and what the platform says between.

    Lives on the executor's loop. Events of one call reach the delivery in the order they were read.
    """

    name: StreamName
    delivery: LogDelivery
    _descriptor: int | None = None
    _rest: bytes = b""
    _last: int = 0
    _tail: bytearray = field(default_factory=bytearray)

    def follow(self, descriptor: int) -> None:
        """Read from this pipe from now on; the stream closes it when the process has ended."""
        self.close()
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._read_some)

    def say(self, line: str) -> None:
        """Add a line of the platform's own after everything the process has written so far."""
        self.drain()
        self._emit([line.encode()])

    def begin_tail(self) -> None:
        """Start collecting the tail that a caller may ask for with LogType=Tail."""
        self._tail.clear()

    def tail(self) -> str:
        """The last 4 KiB since `begin_tail`."""
        return self._tail[-_TAIL_BYTES:].decode(errors="replace")

    def drain(self) -> None:
        """Take all that the process wrote until now, an unfinished line included."""
        self._read(PIPE_BYTES)
        if self._rest:
            rest, self._rest = self._rest, b""
            self._emit([rest])

    def close(self) -> None:
        """Take what is left and let go of the pipe."""
        if self._descriptor is None:
            return
        self.drain()
        self._let_go()

    def _read_some(self) -> None:
        # Bounded, so that one noisy function does not hold up the others.
        self._read(65_536)

    def _read(self, most: int) -> None:
        taken = [self._rest]
        while most > 0 and self._descriptor is not None:
            try:
                piece = os.read(self._descriptor, 65_536)
            except BlockingIOError:
                break
            if not piece:
                self._let_go()
            taken.append(piece)
            most -= len(piece)
        lines, self._rest = split_lines(b"".join(taken))
        self._emit(lines)

    def _let_go(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _emit(self, lines: list[bytes]) -> None:
        if not lines:
            return
        # CloudWatch refuses events that go back in time, which a corrected clock would make.
        self._last = max(self._last, time.time_ns() // 1_000_000)
        self.delivery.add(self.name, [self._event(line) for line in lines])
        self._tail += b"".join(line + b"\n" for line in lines[-_TAIL_BYTES:])
        del self._tail[:-_TAIL_BYTES]

    def _event(self, line: bytes) -> LogEvent:
        # The runtime writes a traceback as one line with carriage returns; AWS shows its lines.
        message = (line.rstrip(b"\r").replace(b"\r", b"\n") + b"\n").decode(errors="replace")
        return LogEvent(self._last, message, len(message.encode()))
