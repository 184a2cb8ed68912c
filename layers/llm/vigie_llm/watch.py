"""Detection of a secret that changes while a batch's calls are under way."""

import threading
import time
from collections.abc import Callable

from aws_lambda_powertools import Logger

from vigie.endpoint import Endpoint
from vigie.errors import VigieError

logger = Logger(child=True)
# How often: a secret that points elsewhere stops the calls that follow.
LOOK_SECONDS = 2.0


class Watch:
    """Checks from time to time whether the secret still points where a batch's calls go."""

    def __init__(self, look: Callable[[], Endpoint], expected: Endpoint) -> None:
        self._look = look
        self._expected = expected
        self._changed = False
        self._due = time.monotonic() + LOOK_SECONDS
        self._looking = threading.Lock()

    def has_changed(self) -> bool:
        """Whether it was seen to point elsewhere; one thread at a time looks, the others do not wait for it."""
        if not self._changed and time.monotonic() >= self._due and self._looking.acquire(blocking=False):
            try:
                self._changed = self._look() != self._expected
            except VigieError as error:
                logger.warning("the model provider's secret cannot be looked at", error=type(error).__name__)
            finally:
                self._due = time.monotonic() + LOOK_SECONDS
                self._looking.release()
            if self._changed:
                logger.warning("the model provider's secret points elsewhere: no more calls begin")
        return self._changed
