"""The content of an answer: which task a request is, what the rules say, whether it fits the schema."""

from collections.abc import Mapping

from vigie_model_server import MODEL_ID
from vigie_model_server.chat import Chat, RequestError
from vigie_model_server.errors import validation_failed
from vigie_model_server.feedback_analysis import marked_feedback, read_feedback
from vigie_model_server.injection_compliance import Compliance, compliant_analysis, compliant_retention
from vigie_model_server.reply import json_of
from vigie_model_server.retention_answers import CaseError, draft, listed_offers, marked_case, retention_action
from vigie_model_server.strict_schema import fault_of_answer

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
        fault = fault_of_answer(chat.schema, answer)
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
        lists = _closed_lists(chat.schema)
        try:
            action = retention_action(case, listed_offers(chat.system_text), lists)
        except CaseError as error:
            raise RequestError(validation_failed(str(error), "")) from error
        if "draft" in _properties(chat.schema):
            action["draft"] = draft(case)
        return compliant_retention(case, action, lists, compliance)
    raise RequestError(
        validation_failed(f"{MODEL_ID} knows feedback_analysis and retention_action with marked input only", "")
    )


def _closed_lists(schema: Mapping[str, object]) -> dict[str, list[str]]:
    """The values that the schema allows, of each property that lists them or whose items are listed."""
    lists: dict[str, list[str]] = {}
    for name, part in _properties(schema).items():
        items = part.get("items")
        allowed = items.get("enum") if isinstance(items, dict) else part.get("enum")
        if isinstance(allowed, list):
            lists[name] = [str(item) for item in allowed]
    return lists


def _properties(schema: Mapping[str, object]) -> dict[str, dict[str, object]]:
    properties = schema.get("properties")
    parts = properties.items() if isinstance(properties, dict) else ()
    return {name: part for name, part in parts if isinstance(part, dict)}
