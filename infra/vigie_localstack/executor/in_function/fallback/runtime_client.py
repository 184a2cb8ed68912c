"""Stands in for awslambdaric's compiled client where there is none (macOS), with the same functions."""

import http.client
import os

_PREFIX = "/2018-06-01/runtime"
_connection: http.client.HTTPConnection | None = None
_user_agent = ""


def initialize_client(user_agent: str) -> None:
    """Set what the client calls itself; the connection is opened by the first request."""
    global _user_agent
    _user_agent = user_agent


def next() -> tuple[bytes, dict[str, str]]:
    """Wait for the next invocation: its payload, and its headers as the service wrote them."""
    return _request("GET", "/invocation/next", None, {})


def post_invocation_result(
    invoke_id: str, result_data: bytes, content_type: str, invocation_id: str | None = None
) -> None:
    """Answer an invocation."""
    headers = {"Content-Type": content_type} | _id_header(invocation_id)
    _request("POST", f"/invocation/{invoke_id}/response", result_data, headers)


def post_error(invoke_id: str, error_response_data: str, xray_fault: str, invocation_id: str | None = None) -> None:
    """Answer an invocation with the exception that the handler raised."""
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": "Unhandled"}
    headers |= {"Lambda-Runtime-Function-XRay-Error-Cause": xray_fault.replace("\n", " ")}
    _request(
        "POST",
        f"/invocation/{invoke_id}/error",
        error_response_data.encode(),
        headers | _id_header(invocation_id),
    )


def _id_header(invocation_id: str | None) -> dict[str, str]:
    return {"Lambda-Runtime-Invocation-Id": invocation_id} if invocation_id else {}


def _request(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    global _connection
    if _connection is None:
        _connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    _connection.request(method, _PREFIX + path, body, headers | {"User-Agent": _user_agent})
    response = _connection.getresponse()
    content = response.read()
    if response.status >= 300:
        reason = content.decode(errors="replace")
        raise RuntimeError(f"{method} {path} was refused: {response.status} {reason}")
    return content, dict(response.getheaders())
