"""The control page `/_control`: see and change how the server behaves while it runs; this machine only."""

import ipaddress
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vigie_model_server import MODEL_ID
from vigie_model_server.errors import error_reply, unknown_url
from vigie_model_server.reply import Reply
from vigie_model_server.request_reader import Request
from vigie_model_server.settings import SettingsError

if TYPE_CHECKING:
    from vigie_model_server.server import ModelServer

LARGEST_PAGE = 10_000

Query = Mapping[str, list[str]]


def control_reply(server: "ModelServer", request: Request, path: str, query: Query) -> Reply:
    """GET state, PUT settings, POST /_control/reset, GET /_control/requests?contains=&offset=&limit=."""
    if not _is_loopback(request.peer):
        return error_reply(403, "/_control answers this machine only", outcome="control")
    action = (request.method, path.rstrip("/"))
    if action == ("GET", "/_control"):
        return _json(_state(server))
    if action == ("PUT", "/_control"):
        return _change(server, request.body)
    if action in (("POST", "/_control"), ("POST", "/_control/reset")):
        server.reset()
        return _json(_state(server))
    if action == ("GET", "/_control/requests"):
        return _page(server, query)
    return unknown_url(request.method, path)


def _change(server: "ModelServer", body: bytes) -> Reply:
    try:
        changes = json.loads(body)
        if not isinstance(changes, dict):
            raise SettingsError("settings: must be a JSON object")
        server.apply(server.settings.changed(changes))
    except ValueError as error:
        return error_reply(400, str(error), code="invalid_settings", outcome="control")
    return _json(_state(server))


def _page(server: "ModelServer", query: Query) -> Reply:
    try:
        offset, limit = int(_first(query, "offset", "0")), int(_first(query, "limit", "1000"))
    except ValueError:
        return error_reply(400, "offset and limit must be whole numbers", outcome="control")
    contains = _first(query, "contains", "") or None
    return _json(server.recorder.page(contains, max(0, offset), min(max(0, limit), LARGEST_PAGE)))


def _state(server: "ModelServer") -> dict[str, object]:
    recorder = server.recorder
    return {
        "model": MODEL_ID,
        "settings": server.settings.public(),
        "requests": sum(recorder.outcomes.values()),
        "outcomes": dict(recorder.outcomes),
        "in_flight": server.in_flight,
        "most_in_flight": server.most_in_flight,
        "rate_limit": dict(server.limiter.headers()),
        "recorder": {"kept": len(recorder.kept), "bytes": recorder.bytes, "dropped": recorder.dropped},
    }


def _first(query: Query, name: str, default: str) -> str:
    return query.get(name, [default])[0]


def _json(data: object) -> Reply:
    return Reply(200, json.dumps(data, ensure_ascii=False).encode(), "control")


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
