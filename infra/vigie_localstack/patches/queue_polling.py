"""Take messages from a queue to a function at once, as many at a time as the mapping says.

Works around: as it is, a mapping asks its queue for messages through the whole of LocalStack, and after an empty
answer again a second later, so that each hand-over between two agents takes up to a second; and it takes a mapping's
`MaximumConcurrency` and ignores it: it waits for one invocation before it asks for the next message, where AWS has as
many under way as that setting says. Here it looks at the queue itself, asks when there is something, and keeps to the
setting.
Tested by: tests/integration/localstack/test_patches.py, with two invocations that overlap in a running LocalStack, and
tests/unit/localstack/test_queue_polling.py.
Can go: when LocalStack keeps to `MaximumConcurrency` and waits less than a second at an empty queue.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

LOG = logging.getLogger(__name__)
# A mapping can be stopped between two of these.
PATIENCE_SECONDS = 1.0
LOOK_SECONDS = 0.03

# How many messages a queue holds that may be taken now, by its ARN; None for a queue that is not there.
Count = Callable[[str], int | None]


def install() -> None:
    """Patch LocalStack's mappings of queues."""
    from localstack.services.lambda_.event_source_mapping.esm_worker_factory import EsmWorkerFactory
    from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller

    patch_mappings(EsmWorkerFactory, SqsPoller, count_in_localstack)


def patch_mappings(factory: Any, poller: Any, count: Count) -> None:
    """Patch LocalStack's `EsmWorkerFactory` and `SqsPoller`."""
    make, poll, handle = factory.get_esm_worker, poller.poll_events, poller.handle_messages

    def get_esm_worker(self: Any) -> Any:
        worker = make(self)
        at_once = (self.esm_config.get("ScalingConfig") or {}).get("MaximumConcurrency", 1)
        worker.poller.places = threading.BoundedSemaphore(at_once) if at_once > 1 else None
        # A mapping that is changed gets a new worker, and is said to be disabled while the old one still looks.
        worker.poller.is_stopped = worker._shutdown_event.is_set
        return worker

    def poll_events(self: Any) -> None:
        places = self.places
        # The next message is asked for when there is a place to work on it: none waits hidden from its queue.
        if places and not places.acquire(timeout=PATIENCE_SECONDS):
            return
        self.holds_place = places is not None
        try:
            if _wait_for_message(self.source_arn, count, self.is_stopped):
                poll(self)
        finally:
            if places and self.holds_place:
                places.release()

    def handle_messages(self: Any, messages: Any) -> None:
        if self.places is None:
            handle(self, messages)
            return
        if not self.holds_place:
            self.places.acquire()
        self.holds_place = False
        threading.Thread(target=work, args=(self, messages), name="mapping-invocation", daemon=True).start()

    def work(self: Any, messages: Any) -> None:
        try:
            handle(self, messages)
        except Exception:
            # The messages come back to their queue, as after any failed invocation.
            LOG.warning("messages could not be handed to their function", exc_info=True)
        finally:
            self.places.release()

    factory.get_esm_worker = get_esm_worker
    poller.poll_events, poller.handle_messages = poll_events, handle_messages


def count_in_localstack(arn: str) -> int | None:
    """Count the messages of the queues of the LocalStack that this process is."""
    from localstack.services.sqs.models import sqs_stores

    _arn, _aws, _sqs, region, account, name = arn.split(":", 5)
    queue = sqs_stores[account][region].queues.get(name)
    return None if queue is None else int(queue.approximate_number_of_messages)


def _wait_for_message(arn: str, count: Count, is_stopped: Callable[[], bool]) -> bool:
    """Return whether to ask the queue now. One that is not there is asked, for LocalStack to say so."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (empty := count(arn) == 0) and not is_stopped() and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return not empty and not is_stopped()
