"""The content of an answer: which task a request is, what the rules say, whether it fits the schema."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache

import fastjsonschema

from vigie_model_server import MODEL_ID
from vigie_model_server.chat import Chat, RequestError
from vigie_model_server.errors import validation_failed
from vigie_model_server.feedback_analysis import marked_feedback, read_feedback
from vigie_model_server.injection_compliance import Compliance, compliant_analysis, compliant_retention
from vigie_model_server.reply import json_of
from vigie_model_server.retention_answers import CaseError, listed_offers, marked_case, retention_action

ABOUT_ITSELF = (
    f"I am {MODEL_ID}: word lists and rules on this machine, not a language model. "
    "I can fill in two schemas, feedback_analysis and retention_action, and nothing else."
)


def content_for(chat: Chat, compliance: Compliance) -> str:
    """The message content for a request; RequestError with `json_validate_failed` when rules cannot give it."""
    if chat.format == "text":
        return ABOUT_ITSELF
    answer = _answer(chat, compliance)
    content = json_of(answer)
    if chat.strict and not compliance.beyond_schema:
        fault = _fault(chat.schema_text, content)
        if fault:
            raise RequestError(validation_failed(fault, content))
    return content


def _answer(chat: Chat, compliance: Compliance) -> Mapping[str, object]:
    prompt = chat.user_text
    feedback, case = marked_feedback(prompt), marked_case(prompt)
    if chat.schema_name in ("feedback_analysis", "") and feedback is not None:
        reading = read_feedback(feedback).as_answer()
        return compliant_analysis(feedback, reading, compliance)
    if chat.schema_name in ("retention_action", "") and case is not None:
        permitted = _permitted(chat.schema)
        try:
            action = retention_action(case, listed_offers(chat.system_text), permitted)
        except CaseError as error:
            raise RequestError(validation_failed(str(error), "")) from error
        return compliant_retention(case, action, permitted, compliance)
    raise RequestError(
        validation_failed(f"{MODEL_ID} knows feedback_analysis and retention_action with marked input only", "")
    )


def _permitted(schema: Mapping[str, object]) -> tuple[str, ...]:
    """The offers that the schema's enum allows; empty when it names none."""
    properties = schema.get("properties")
    offer = properties.get("offer_id") if isinstance(properties, dict) else None
    allowed = offer.get("enum") if isinstance(offer, dict) else None
    return tuple(str(item) for item in allowed) if isinstance(allowed, list) else ()


def _fault(schema: str, content: str) -> str | None:
    try:
        _validator(schema)(json.loads(content))
    except fastjsonschema.JsonSchemaValueException as error:
        return f"jsonschema: {error.message}"
    return None


@lru_cache(maxsize=64)
def _validator(schema: str) -> Callable[[object], object]:
    # Of several faults, the first in the order of the schema's keys is reported.
    ordered = json.loads(json.dumps(json.loads(schema), sort_keys=True))
    compiled: Callable[[object], object] = fastjsonschema.compile(ordered)
    return compiled
