"""The vocabulary of the audit trail: what each event type means, and the shape of its details.

Details hold counts, versions, closed words and opaque ids. A schema has no room for free text, so personal
data cannot be put there by mistake; tests/unit/common/test_events.py checks the schemas themselves.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cache
from typing import Any

import fastjsonschema

from vigie.vocabulary import (
    ActionSource,
    CallStatus,
    DeadLetterReason,
    EventType,
    Purpose,
    RunStatus,
    Segment,
    Sentiment,
    Step,
    StepOutcome,
)


def one_of(words: Iterable[StrEnum]) -> dict[str, Any]:
    """Return the schema of a closed list; as plain text, because the validator's compiler writes what it is given."""
    return {"enum": [word.value for word in words]}


COUNT = {"type": "integer", "minimum": 0}
YES_OR_NO = {"type": "boolean"}
WORD = {"type": "string", "pattern": "^[A-Za-z][A-Za-z_]{0,39}$"}
VERSION = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$"}
# Recipient and address of a model provider: host names and addresses, without credentials.
RECIPIENT = {"type": "string", "pattern": "^((local rules|model) on this machine|[A-Za-z0-9][A-Za-z0-9.:_%-]{0,252})$"}
ADDRESS = {"type": "string", "pattern": "^https?://[A-Za-z0-9._:%\\[\\]-]{1,270}(/[A-Za-z0-9._~%-]+)*$"}
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
UUID = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
PURPOSE = one_of(Purpose)
PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
RUN_ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,80}$"}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
COUNTS = {"type": "object", "propertyNames": WORD, "additionalProperties": COUNT}
PSEUDONYMISED = {"replaced": COUNTS, "feedback_count": COUNT}
REASONS = {
    "type": "object",
    "properties": {step.value: COUNTS for step in Step},
    "additionalProperties": False,
}

MEANINGS: dict[EventType, tuple[str, dict[str, Any]]] = {
    EventType.RUN_PLANNED: (
        "A run was planned: its customers, model, prompt versions and model provider are fixed from here on.",
        {
            "planned": COUNT,
            "batches": COUNT,
            "left_out_without_profiling_consent": COUNT,
            "contract": VERSION,
            "model_version": VERSION,
            "scorer_sha256": SHA256,
            "analysis_prompt": VERSION,
            "action_prompt": VERSION,
            "most_lost_analyses": SHARE,
            "redrives": RUN_ID,
            "recipient": RECIPIENT,
            "address": ADDRESS,
            "llm_model": VERSION,
        },
    ),
    EventType.BATCH_START: ("An agent started a batch.", {"batch_no": COUNT, "customers": COUNT}),
    EventType.BATCH_END: (
        "An agent ended its work on a batch, with how many customers ended in which way.",
        {"batch_no": COUNT, "outcomes": COUNTS, "remaining": COUNT},
    ),
    EventType.CONSENT_CHECK: (
        "An agent looked up the consent for its own purpose at the moment it acted: ok or refused.",
        {"purpose": PURPOSE, "consent_id": {"type": ["integer", "null"]}},
    ),
    EventType.PSEUDONYMISATION: (
        "A text was pseudonymised before it could leave: how many mentions of each kind were replaced.",
        PSEUDONYMISED,
    ),
    EventType.ANONYMISATION: (
        "A text was pseudonymised before it could leave, as earlier versions called it.",
        PSEUDONYMISED,
    ),
    EventType.LLM_CALL_START: (
        "A call to the model provider was entered in the egress ledger and may leave.",
        {
            "egress_id": UUID,
            "purpose": PURPOSE,
            "attempt": COUNT,
            "model": VERSION,
            "prompt_version": VERSION,
            "prompt_sha256": SHA256,
        },
    ),
    EventType.LLM_CALL_END: (
        "A call to the model provider ended, with its outcome.",
        {
            "egress_id": UUID,
            "outcome": one_of(CallStatus),
            "tokens_in": COUNT,
            "tokens_out": COUNT,
            "latency_ms": COUNT,
            "reason": WORD,
        },
    ),
    EventType.EGRESS_BLOCKED: (
        "The egress guard found an identifier in an outgoing request: nothing left.",
        {"purpose": PURPOSE, "found": COUNTS},
    ),
    EventType.RECIPIENT_REFUSED: (
        "The secret points elsewhere than the run was planned with (recipient, address and model are the secret's):"
        " of this batch nothing was sent.",
        {"batch_no": COUNT, "recipient": RECIPIENT, "address": ADDRESS, "llm_model": VERSION},
    ),
    EventType.ANALYSIS_SAVED: (
        "The analysis of a customer's feedback was stored.",
        {
            "sentiment": one_of(Sentiment),
            "topics": COUNT,
            "egress_id": UUID,
        },
    ),
    EventType.MODEL_LOADED: (
        "A function loaded the registered scorer after checking its SHA-256: ok or refused.",
        {"model_version": VERSION, "scorer_sha256": SHA256},
    ),
    EventType.PREDICTION_SAVED: (
        "A churn probability and its drivers were stored.",
        {"model_version": VERSION, "probability": PROBABILITY, "with_sentiment": YES_OR_NO, "analysis_lost": YES_OR_NO},
    ),
    EventType.SEGMENTATION: (
        "A customer was put in a risk segment by the run's thresholds.",
        {"segment": one_of(Segment), "probability": PROBABILITY},
    ),
    EventType.ACTION_SAVED: (
        "A retention action was stored: worded by the model, from the catalogue, or none.",
        {
            "source": one_of(ActionSource),
            "offer_id": VERSION,
            "reason": WORD,
            "analysis_lost": YES_OR_NO,
        },
    ),
    EventType.GUARD_REJECTED: (
        "A model's answer was not stored, because of what the guard or the schema found in it.",
        {"purpose": PURPOSE, "egress_id": UUID, "found": COUNTS},
    ),
    EventType.STEP_ENDED: (
        "A customer's step ended without a result, for the reason given.",
        {
            "step": one_of(Step),
            "outcome": one_of(outcome for outcome in StepOutcome if outcome is not StepOutcome.DONE),
            "reason": WORD,
        },
    ),
    EventType.CONSENT_RECORDED: (
        "A consent was recorded, granted or withdrawn (written by the database itself).",
        {"consent_id": COUNT, "purpose": PURPOSE, "granted": YES_OR_NO, "policy_version": VERSION},
    ),
    EventType.DERIVED_DATA_ERASED: (
        "What was derived under a withdrawn purpose was deleted (written by the database itself).",
        {"purpose": PURPOSE, "step": WORD},
    ),
    EventType.MODEL_APPROVED: (
        "A person approved a model for production.",
        {
            "model_version": VERSION,
            "scorer_sha256": SHA256,
            "contract": VERSION,
            "better_than_base_rate": {"type": "boolean"},
        },
    ),
    EventType.MODEL_RETIRED: (
        "A model was taken out of production.",
        {"model_version": VERSION, "contract": VERSION},
    ),
    EventType.CHECKPOINT_SIGNED: (
        "The sealer signed a checkpoint over every event sealed so far.",
        {"tree_size": COUNT, "root_hash": SHA256},
    ),
    EventType.RUN_RECONCILED: (
        "The run's records were compared with each other, per event: how many gaps were found.",
        {"events": COUNT, "gaps": COUNT},
    ),
    EventType.RUN_FINISHED: (
        "A run was closed with its counts, and with why customers ended each step without a result.",
        {
            "status": one_of(status for status in RunStatus if status is not RunStatus.RUNNING),
            "counts": COUNTS,
            "reasons": REASONS,
        },
    ),
    EventType.DEAD_LETTERED: (
        "A message that no delivery could work on reached a dead-letter queue: its task was failed, or, when it"
        " cannot be read, it stays there with its size and SHA-256 on record.",
        {
            "queue": VERSION,
            "step": WORD,
            "reason": one_of(DeadLetterReason),
            "batch_no": COUNT,
            "body_bytes": COUNT,
            "body_sha256": SHA256,
        },
    ),
}


def details_schema(event_type: EventType) -> dict[str, Any]:
    """The JSON schema of an event type's details: only the named properties, none required to be there."""
    return {"type": "object", "properties": MEANINGS[event_type][1], "additionalProperties": False}


@cache
def _validator(event_type: EventType) -> Callable[[object], object]:
    compiled: Callable[[object], object] = fastjsonschema.compile(details_schema(event_type))
    return compiled


def check_details(event_type: EventType, details: dict[str, Any]) -> None:
    """Refuse an unknown event type, or details that are not of its schema.

    Raises:
        ValueError: names the event type and property, never the value.
    """
    if event_type not in MEANINGS:
        raise ValueError(f"audit event type {event_type} is unknown: add it to vigie/vocabulary.py and vigie/events.py")
    try:
        _validator(event_type)(details)
    except fastjsonschema.JsonSchemaValueException as error:
        raise ValueError(f"details of audit event {event_type} break its schema at {error.name}") from None
