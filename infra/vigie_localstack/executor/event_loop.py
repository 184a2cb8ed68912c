"""The one thread of LocalStack on which all execution environments live."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ExecutorLoop:
    """An event loop on a thread of its own; it ends with LocalStack."""

    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def start(self) -> "ExecutorLoop":
        """Start the thread."""
        threading.Thread(target=self._loop.run_forever, name="process-executor", daemon=True).start()
        return self

    def run[T](self, work: Coroutine[object, object, T]) -> T:
        """Run `work` on the loop and wait for it, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
