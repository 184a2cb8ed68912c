"""Keep the objects of S3 in a folder of this LocalStack's own.

Works around: all LocalStacks and users of a machine share one folder below /tmp, by bucket name, in which another user
may not write.
Tested by: tests/integration/local/test_localstack.py, on a running LocalStack.
Can go: when LocalStack has a setting for that folder.
"""

from __future__ import annotations

import tempfile
from typing import Any


def install() -> None:
    """Give every object store made from now on a folder of its own, below TMPDIR."""
    from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore

    store: Any = EphemeralS3ObjectStore
    original = store.__init__

    def initialise(self: Any, _shared_folder: str | None = None) -> None:
        original(self, tempfile.mkdtemp(prefix="s3-"))

    store.__init__ = initialise
