"""The chat completions protocol: what a request must look like, and what an answer looks like."""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from vigie_model_server import MODEL_ID
from vigie_model_server.errors import error_reply, unknown_model
from vigie_model_server.rate_limit import estimated_tokens
from vigie_model_server.reply import Reply, json_of
from vigie_model_server.strict_schema import fault_of_strict_text

ROLES = frozenset({"system", "user", "assistant", "developer", "tool"})
FORMATS = frozenset({"text", "json_object", "json_schema"})
OUR_CREATION = 1_767_225_600


class RequestError(ValueError):
    """When a request cannot be answered; carries the answer that says so."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.outcome)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Chat:
    """A checked request: the messages' texts, and the format that was asked for."""

    model: str
    texts: tuple[tuple[str, str], ...]
    format: str
    schema_name: str
    schema: Mapping[str, object]
    schema_text: str
    strict: bool
    prompt_tokens: int
    max_tokens: int | None

    @property
    def user_text(self) -> str:
        return "\n".join(text for role, text in self.texts if role == "user")

    @property
    def system_text(self) -> str:
        return "\n".join(text for role, text in self.texts if role == "system")


def read_chat(body: bytes) -> Chat:
    """The request in `body`; RequestError with Groq's 400 or 404 when something is wrong with it."""
    data = _json_object(body)
    model = data.get("model")
    if not isinstance(model, str) or not model:
        raise _bad("property 'model' is missing")
    if model != MODEL_ID:
        raise RequestError(unknown_model(model))
    texts = _texts(data.get("messages"))
    _check_options(data)
    kind, name, schema, schema_text, strict = _format(data.get("response_format"))
    if kind == "json_object" and not any("json" in text.lower() for _, text in texts):
        raise _bad(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
    tokens = estimated_tokens("".join(text for _, text in texts)) + 4 * len(texts)
    return Chat(model, texts, kind, name, schema, schema_text, strict, tokens, _max_tokens(data))


def completion(chat: Chat, body: bytes, content: str, finish: str, seconds: float) -> Reply:
    """A `chat.completion` answer; its id depends on the request's body alone."""
    completion_tokens = estimated_tokens(content) if content else 0
    total = chat.prompt_tokens + completion_tokens
    answer = {
        "id": f"chatcmpl-{_as_uuid(hashlib.blake2b(body, digest_size=16).hexdigest())}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": chat.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": {
            "queue_time": 0.0,
            "prompt_tokens": chat.prompt_tokens,
            "prompt_time": 0.0,
            "completion_tokens": completion_tokens,
            "completion_time": round(seconds, 6),
            "total_tokens": total,
            "total_time": round(seconds, 6),
        },
        "usage_breakdown": None,
        "system_fingerprint": "fp_vigie_local_rules",
        "x_groq": {"id": f"req_{secrets.token_hex(13)}"},
        "service_tier": "on_demand",
    }
    return Reply(200, json_of(answer).encode(), tokens=total)


def _as_uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def model_card() -> dict[str, object]:
    """The one model there is; it says of itself that it is rules."""
    return {
        "id": MODEL_ID,
        "object": "model",
        "created": OUR_CREATION,
        "owned_by": "vigie (word lists and rules on this machine, not a language model)",
        "active": True,
        "context_window": 131072,
        "public_apps": None,
        "max_completion_tokens": 65536,
    }


def _bad(message: str, **extra: object) -> RequestError:
    return RequestError(error_reply(400, message, **extra))  # type: ignore[arg-type]


def _json_object(body: bytes) -> dict[str, object]:
    try:
        data = json.loads(body)
    except ValueError as error:
        raise _bad("could not parse the request body as JSON") from error
    if not isinstance(data, dict):
        raise _bad("request body must be a JSON object")
    return data


def _texts(messages: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(messages, list) or not messages:
        raise _bad("'messages' : minimum number of items is 1", param="messages")
    return tuple(_text(index, message) for index, message in enumerate(messages))


def _text(index: int, message: object) -> tuple[str, str]:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        raise _bad(f"'messages.{index}' : discriminator property 'role' has invalid value", param="messages")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
    if not isinstance(content, str):
        raise _bad(f"'messages.{index}.content' : value must be a string", param="messages")
    return str(message["role"]), content


def _check_options(data: Mapping[str, object]) -> None:
    if data.get("stream"):
        raise _bad("'stream' : this server does not stream", param="stream")
    if data.get("tools"):
        raise _bad("'tools' : this model does not support tool calling", param="tools")
    if data.get("n") not in (None, 1):
        raise _bad("'n' : number must be at most 1", param="n")
    if data.get("reasoning_effort") is not None:
        raise _bad("reasoning_effort is not supported with this model", param="reasoning_effort")
    if data.get("seed") is not None and (not isinstance(data["seed"], int) or isinstance(data["seed"], bool)):
        raise _bad("'seed' : value must be an integer", param="seed")
    temperature = data.get("temperature")
    if temperature is not None and not (_is_number(temperature) and 0 <= float(str(temperature)) <= 2):
        raise _bad("'temperature' : number must be between 0 and 2", param="temperature")


def _max_tokens(data: Mapping[str, object]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = data.get(name)
        if value is not None:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise _bad(f"'{name}' : number must be at least 1", param=name)
            return value
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _format(wanted: object) -> tuple[str, str, Mapping[str, object], str, bool]:
    if wanted is None:
        return "text", "", {}, "{}", False
    if not isinstance(wanted, dict) or wanted.get("type") not in FORMATS:
        raise _bad("'response_format.type' : value is not one of text, json_object, json_schema")
    if wanted["type"] != "json_schema":
        return str(wanted["type"]), "", {}, "{}", False
    inner = wanted.get("json_schema")
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise _bad("'response_format.json_schema' : `name` is required", param="response_format")
    schema, strict = inner.get("schema"), inner.get("strict") is True
    schema_text = json.dumps(schema)
    fault = fault_of_strict_text(schema_text) if strict else None
    if fault or not isinstance(schema, dict):
        message = f"invalid JSON schema for response_format: '{inner['name']}': {fault or 'schema must be an object'}"
        raise _bad(message, param="response_format")
    return "json_schema", inner["name"], schema, schema_text, strict
