"""Starts LocalStack where it is told to be: `python -m vigie_localstack.gateway`.

Its web server takes the port of GATEWAY_LISTEN, ignores the address and listens on every network of the
machine; here the address counts. Its S3 keeps objects in one folder below /tmp by bucket name, shared by
every LocalStack and every user of the machine, where another user may not write; here it gets a folder of its own.
It also builds a parser's tables anew for every path that a state machine evaluates, a fifth of its work during a
run; here each path is parsed once. And it reports each message sent, received or deleted, and each question to an
empty queue, to CloudWatch with a request of its own; here it does not. What alarms go by, how many messages a queue
holds, it reports once a minute all the same. Lastly, how it takes messages from queues (`patches.queue_polling`)
and searches logs (`patches.log_filtering`) is too slow, and changed, and garbage collection would stop it
(`patches.gc_pauses`).
"""

from __future__ import annotations

import functools
import os
import tempfile
from typing import Any

from twisted.internet import endpoints

from vigie_localstack.patches import log_filtering
from vigie_localstack.patches.gc_pauses import look_through_once
from vigie_localstack.patches.queue_polling import count_in_localstack, patch_mappings


def listening_address() -> str:
    """The address in GATEWAY_LISTEN (`address:port`), the loopback address when there is none."""
    return os.environ.get("GATEWAY_LISTEN", "").rpartition(":")[0] or "127.0.0.1"


class AddressEndpoint(endpoints.TCP4ServerEndpoint):
    """A TCP endpoint whose default is the configured address instead of all of them."""

    def __init__(self, reactor: object, port: int, backlog: int = 50, interface: str | None = None) -> None:
        address = interface or listening_address()
        super().__init__(reactor, port, backlog, address)  # type: ignore[no-untyped-call]


def keep_objects_apart(store: Any) -> None:
    """Gives every object store made from now on a folder of its own, below TMPDIR."""
    original = store.__init__

    def initialise(self: Any, _shared_folder: str | None = None) -> None:
        original(self, tempfile.mkdtemp(prefix="s3-"))

    store.__init__ = initialise


def parse_each_path_once() -> None:
    """Remembers parsed JSON paths. LocalStack imports the function, so this comes before LocalStack does."""
    from jsonpath_ng import ext  # type: ignore[import-untyped]

    ext.parse = functools.lru_cache(4096)(ext.parse)


def report_no_single_message(dispatcher: Any) -> None:
    """Leaves out the metrics NumberOfMessages… and NumberOfEmptyReceives of SQS."""
    dispatcher.dispatch_sqs_metric = lambda *_arguments, **_named: None


def main() -> None:
    """Runs LocalStack in this process until it is told to stop."""
    parse_each_path_once()
    from localstack.services.lambda_.event_source_mapping.esm_worker_factory import EsmWorkerFactory
    from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller
    from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore
    from localstack.services.sqs.provider import CloudwatchDispatcher

    keep_objects_apart(EphemeralS3ObjectStore)
    report_no_single_message(CloudwatchDispatcher)
    patch_mappings(EsmWorkerFactory, SqsPoller, count_in_localstack)
    log_filtering.install()
    vars(endpoints)["TCP4ServerEndpoint"] = AddressEndpoint
    from localstack.runtime.main import main as run_localstack

    look_through_once()
    run_localstack()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
