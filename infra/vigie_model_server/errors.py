"""Error answers with the bodies that Groq sends."""

import json

from vigie_model_server.reply import Reply


def error_reply(
    status: int,
    message: str,
    *,
    code: str | None = None,
    type_: str = "invalid_request_error",
    outcome: str = "bad_request",
    **extra: object,
) -> Reply:
    """Groq's envelope `{"error": {"message", "type", "code", …}}`; keys without a value are left out."""
    error: dict[str, object] = {"message": message, "type": type_}
    if code is not None:
        error["code"] = code
    error.update(extra)
    return Reply(status, json.dumps({"error": error}, ensure_ascii=False).encode(), outcome)


def invalid_key() -> Reply:
    """401, for a missing and for a wrong key alike."""
    return error_reply(401, "Invalid API Key", code="invalid_api_key", outcome="unauthorised")


def unknown_model(model: str) -> Reply:
    """404 for a model this server does not have."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return error_reply(404, message, code="model_not_found", outcome="unknown_model")


def unknown_url(method: str, path: str) -> Reply:
    """404 for a path this server does not know."""
    message = f"Unknown request URL: {method} {path}. Please check the URL for typos."
    return error_reply(404, message, code="unknown_url", outcome="unknown_url")


def validation_failed(reason: str, failed_generation: str) -> Reply:
    """400 when what was generated does not fit the schema that was asked for."""
    message = (
        "Generated JSON does not match the expected schema. Please adjust your prompt. "
        f"See 'failed_generation' for more details. Error: {reason}"
    )
    return error_reply(
        400, message, code="json_validate_failed", outcome="json_validate_failed", failed_generation=failed_generation
    )


def server_error(status: int) -> Reply:
    """500 or 503 as the provider words them."""
    if status == 503:
        return error_reply(503, "Service unavailable", type_="service_unavailable", outcome="error_503")
    return error_reply(500, "Internal Server Error", type_="internal_server_error", outcome="error_500")


def bad_gateway() -> Reply:
    """502 with a web page instead of JSON, as proxies in front of an API answer."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
    return Reply(502, page, "error_502", content_type="text/html")


def json_not_generated() -> Reply:
    """400 when the model failed to generate JSON, as happens now and then with the same request."""
    return validation_failed("jsonschema: missing properties", '{"sentiment": ')


def forbidden() -> Reply:
    """403 when the key's project may not use the model."""
    message = "The model `vigie` is blocked at the project level. Please have a project admin enable this model."
    return error_reply(403, message, type_="permissions_error", code="model_permission_blocked_project",
                       outcome="forbidden")  # fmt: skip


def decommissioned(model: str) -> Reply:
    """400 for a model that the provider has taken out of service."""
    message = f"The model `{model}` has been decommissioned and is no longer supported."
    return error_reply(400, message, code="model_decommissioned", outcome="model_decommissioned")


def no_json_schema() -> Reply:
    """400 for a model without strict answers; this refusal has no code."""
    message = "This model does not support response format `json_schema`."
    return error_reply(400, message, param="response_format", outcome="no_json_schema")


def unexplained() -> Reply:
    """400 without a code or a parameter, as servers answer that are not Groq."""
    return error_reply(400, "Bad Request", outcome="unexplained_400")


def capacity_exceeded() -> Reply:
    """498, Groq's own: the service tier has no room at the moment."""
    return error_reply(498, "Flex tier capacity exceeded.", type_="capacity_exceeded", code="capacity_exceeded",
                       outcome="capacity_exceeded")  # fmt: skip


def cancelled() -> Reply:
    """499, Groq's own: the request was cancelled."""
    return error_reply(499, "Request cancelled.", type_="cancelled", outcome="cancelled")


def web_page() -> Reply:
    """200 with a web page, as portals and proxies answer in an API's place."""
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
    return Reply(200, page, "web_page", content_type="text/html")


def error_body() -> Reply:
    """200 with an error in the body, as gateways in front of several providers answer."""
    return error_reply(200, "Upstream error", type_="upstream_error", outcome="error_body")


def no_quota() -> Reply:
    """429 with the code that says that waiting is of no use: somebody has to pay."""
    return error_reply(429, "You exceeded your current quota.", type_="insufficient_quota", code="insufficient_quota",
                       outcome="no_quota")  # fmt: skip


def redirected() -> Reply:
    """307 to another host, as portals answer that want a sign-in first."""
    reply = Reply(307, b"", "redirected")
    reply.headers.append(("location", "https://portal.example/sign-in"))
    return reply


def no_completion() -> Reply:
    """200 with JSON of another service."""
    return Reply(200, b'{"status": "ok"}', "no_completion")
