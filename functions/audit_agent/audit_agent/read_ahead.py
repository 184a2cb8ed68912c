"""Takes from an iterator in a thread of its own, so that the next item is fetched while one is worked on."""

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue
from types import TracebackType

PAUSE_SECONDS = 0.1


class _End:
    pass


class ReadAhead[T]:
    """The items of `source`, at most `most` of them fetched and not yet taken. What it raises is raised to the taker.

    A context manager: at its end nothing more is fetched.
    """

    def __init__(self, source: Iterable[T], most: int) -> None:
        self._source = source
        self._fetched: Queue[T | _End | Exception] = Queue(most)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._fetch, name="read-ahead", daemon=True)

    def __enter__(self) -> "ReadAhead[T]":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._fetched.get()
            if isinstance(item, _End):
                return
            if isinstance(item, Exception):
                raise item
            yield item

    def _fetch(self) -> None:
        try:
            for item in self._source:
                if not self._offer(item):
                    return
            self._offer(_End())
        except Exception as error:
            self._offer(error)

    def _offer(self, item: T | _End | Exception) -> bool:
        while not self._left.is_set():
            try:
                self._fetched.put(item, timeout=PAUSE_SECONDS)
            except Full:
                continue
            return True
        return False
