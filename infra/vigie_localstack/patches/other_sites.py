"""Refuse what another site's page has a browser send.

Works around: LocalStack checks `Origin` and `Referer`, where a request has one and is not for S3. An image without a
referrer deletes a queue or a stack, and a page whose name is made to point to this machine reads buckets.
Tested by: tests/attacks/test_visited_page.py, on a running LocalStack, in a browser too.
Can go: when a LocalStack that checks `Host` and `Sec-Fetch-Site` is pinned.
"""

from __future__ import annotations

import json
from typing import Any

from vigie_loopback.browser_requests import REMEDY, is_of_another_site


def refuse_other_sites(chain: Any, context: Any, response: Any) -> None:
    """End the chain with 403 before anything else looks at the request."""
    headers = context.request.headers
    given = (headers.get(name) or "" for name in ("Host", "Origin", "Sec-Fetch-Site", "User-Agent"))
    if is_of_another_site(*given):
        response.status_code = 403
        response.data = json.dumps({"message": REMEDY})
        response.headers["Content-Type"] = "application/json"
        chain.terminate()


def install() -> None:
    """Put the check before all other handlers of LocalStack's gateway."""
    from localstack.aws.app import LocalstackAwsGateway

    build = LocalstackAwsGateway.__init__

    def build_with_check(self: Any, *arguments: Any, **named: Any) -> None:
        build(self, *arguments, **named)
        self.request_handlers.insert(0, refuse_other_sites)

    LocalstackAwsGateway.__init__ = build_with_check  # type: ignore[method-assign]
