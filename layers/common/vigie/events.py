"""The vocabulary of the audit trail: what each event type means, what its details may be, and who writes it.

Details hold bounded counts, closed words, and what a record of the database holds as well: no result about a person,
and no room for text. The database refuses any other event, by rules that are made from these
(`vigie_local.event_rules`); a test compares them. Only what is written is held to them: older events stay as they are.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import fastjsonschema

from vigie.event_rules import Kind, Record, Rule, counts_of, one_of, text
from vigie.vocabulary import (
    CLOSE_AUDIT,
    CallStatus,
    DeadLetterReason,
    DeliveryAnswer,
    Duty,
    EventType,
    Finding,
    NoAnswer,
    ObjectionAnswer,
    Purpose,
    ReadingReason,
    Reason,
    ReviewDecision,
    RunStatus,
    Step,
    StepOutcome,
)

COUNT, FLAG, SHARE = Rule(Kind.COUNT), Rule(Kind.FLAG), Rule(Kind.SHARE)
VERSION = "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$"
PROMPT = "^(analysis|action)-[0-9]{1,3}$"
# Recipient and address of a model provider: host names and addresses, without credentials.
RECIPIENT = "^((local rules|model) on this machine|[A-Za-z0-9][A-Za-z0-9.:_%-]{0,252})$"
ADDRESS = r"^https?://[A-Za-z0-9._:%\[\]-]{1,255}(/[A-Za-z0-9._~%-]+)*$"
SHA256 = "^[0-9a-f]{64}$"
UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
PURPOSE, STEP, REASON = one_of(*Purpose), one_of(*Step), one_of(*Reason)
EGRESS_ID = text(UUID, Record.CALL)
FINDINGS = counts_of(Finding)
REASONS = counts_of(Reason)
PSEUDONYMISED = {"replaced": FINDINGS, "feedback_count": COUNT}
CALLED = {"egress_id": EGRESS_ID}
# The counts of functions/planner/planner/accounts.py.
RUN_COUNTS = counts_of(
    ("planned", "analysed", "without_consent", "without_feedback", "analysis_failed", "predicted",
     "prediction_withdrawn", "prediction_failed", "actions", "action_withdrawn", "action_failed", "failed",
     "without_lost_analysis")
)  # fmt: skip
OF_MODEL = {"model_version": text(VERSION, Record.MODEL), "contract": text(VERSION, Record.MODEL)}
# Written by the database's own functions, which compare them with the records that they name.
PERSON = text(UUID, Record.PERSON)
CAMPAIGN = "^[a-z][a-z-]{0,30}[a-z0-9-]{0,4}$"
OF_CAMPAIGN = {"campaign": text(CAMPAIGN, Record.CAMPAIGN)}
OF_PROPOSAL = {**OF_CAMPAIGN, "proposal_id": text(UUID, Record.PROPOSAL), "person_id": PERSON}

MEANINGS: dict[EventType, tuple[str, dict[str, Rule]]] = {
    EventType.RUN_PLANNED: (
        "A run was planned: its customers, model, prompt versions and model provider are fixed from here on.",
        {
            "planned": COUNT.of(Record.RUN),
            "batches": COUNT.of(Record.RUN),
            "left_out_without_profiling_consent": COUNT,
            "contract": text(VERSION, Record.RUN),
            "model_version": text(VERSION, Record.RUN),
            "scorer_sha256": text(SHA256, Record.RUN),
            "analysis_prompt": text(PROMPT, Record.RUN),
            "action_prompt": text(PROMPT, Record.RUN),
            "most_lost_analyses": SHARE.of(Record.RUN),
            "redrives": text("^[A-Za-z0-9_-]{1,80}$", Record.REDRIVE),
            "recipient": text(RECIPIENT, Record.RUN),
            "address": text(ADDRESS, Record.RUN),
            "llm_model": text(VERSION, Record.RUN),
            "campaign": text(CAMPAIGN, Record.RUN),
        },
    ),
    EventType.BATCH_START: ("An agent started a batch.", {"batch_no": COUNT, "customers": COUNT}),
    EventType.BATCH_END: (
        "An agent ended its work on a batch, with how many customers ended in which way.",
        {"batch_no": COUNT, "outcomes": counts_of((*StepOutcome, *Reason)), "remaining": COUNT},
    ),
    EventType.CONSENT_CHECK: (
        "An agent looked up the consent for its own purpose at the moment it acted: ok or refused.",
        {"purpose": PURPOSE, "consent_id": Rule(Kind.ID, record=Record.CONSENT, nullable=True)},
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
            "egress_id": EGRESS_ID,
            "purpose": PURPOSE.of(Record.CALL),
            "attempt": COUNT.of(Record.CALL),
            "model": text(VERSION, Record.CALL),
            "prompt_version": text(PROMPT, Record.CALL),
            "prompt_sha256": text(SHA256, Record.CALL),
        },
    ),
    EventType.LLM_CALL_END: (
        "A call to the model provider ended, with its outcome.",
        {
            "egress_id": EGRESS_ID,
            "outcome": one_of(*CallStatus),
            "tokens_in": COUNT,
            "tokens_out": COUNT,
            "latency_ms": COUNT,
            "reason": one_of(*NoAnswer),
        },
    ),
    EventType.EGRESS_BLOCKED: (
        "The egress guard found an identifier in an outgoing request: nothing left.",
        {"purpose": PURPOSE, "found": FINDINGS},
    ),
    EventType.RECIPIENT_REFUSED: (
        "The secret points elsewhere than the run was planned with, in what is true here: of this batch nothing was"
        " sent.",
        {"batch_no": COUNT, "other_recipient": FLAG, "other_address": FLAG, "other_model": FLAG},
    ),
    EventType.ANALYSIS_SAVED: ("The analysis of a customer's feedback was stored.", CALLED),
    EventType.MODEL_LOADED: (
        "A function loaded the registered scorer after checking its SHA-256: ok or refused.",
        {"model_version": text(VERSION, Record.RUN), "scorer_sha256": text(SHA256, Record.RUN)},
    ),
    EventType.PREDICTION_SAVED: (
        "A churn probability and its drivers were stored.",
        {
            "model_version": text(VERSION, Record.RUN),
            "with_sentiment": FLAG,
            "analysis_lost": FLAG,
        },
    ),
    EventType.SEGMENTATION: ("A customer was put in a risk segment by the run's thresholds.", {}),
    EventType.ACTION_SAVED: (
        "A retention action was stored: worded by the model in the call named, from the catalogue, or none.",
        {**CALLED, "analysis_lost": FLAG},
    ),
    EventType.GUARD_REJECTED: (
        "A model's answer was not stored, because of what the guard or the schema found in it.",
        {"purpose": PURPOSE, "egress_id": EGRESS_ID, "found": FINDINGS},
    ),
    EventType.STEP_ENDED: (
        "A customer's step ended without a result, for the reason given.",
        {
            "step": STEP,
            "outcome": one_of(*(outcome for outcome in StepOutcome if outcome is not StepOutcome.DONE)),
            "reason": REASON,
        },
    ),
    EventType.CONSENT_RECORDED: (
        "A consent was recorded, granted or withdrawn (written by the database itself).",
        {
            "consent_id": Rule(Kind.ID, record=Record.CONSENT),
            "purpose": PURPOSE.of(Record.CONSENT),
            "granted": FLAG.of(Record.CONSENT),
            "policy_version": text(VERSION, Record.CONSENT),
        },
    ),
    EventType.DERIVED_DATA_ERASED: (
        "What was derived under a withdrawn purpose was deleted (written by the database itself).",
        {"purpose": PURPOSE, "step": STEP},
    ),
    EventType.MODEL_APPROVED: (
        "A person approved a model for production.",
        {**OF_MODEL, "scorer_sha256": text(SHA256, Record.MODEL), "better_than_base_rate": FLAG},
    ),
    EventType.MODEL_RETIRED: ("A model was taken out of production.", OF_MODEL),
    EventType.CHECKPOINT_SIGNED: (
        "The sealer signed a checkpoint over every event sealed so far.",
        {"tree_size": Rule(Kind.ID, record=Record.CHECKPOINT), "root_hash": text(SHA256, Record.CHECKPOINT)},
    ),
    EventType.RUN_RECONCILED: (
        "The run's records were compared with each other, per event: how many gaps were found.",
        # As many as a run of its size can have.
        {"events": Rule(Kind.ID, record=Record.RUN), "gaps": Rule(Kind.ID, record=Record.RUN)},
    ),
    EventType.RUN_FINISHED: (
        "A run was closed with its counts, and with why customers ended each step without a result.",
        {
            "status": one_of(*(status for status in RunStatus if status is not RunStatus.RUNNING)).of(Record.RUN),
            "counts": RUN_COUNTS.of(Record.RUN),
            **{step.value: REASONS.of(Record.RUN) for step in Step},
        },
    ),
    EventType.DEAD_LETTERED: (
        "A message that no delivery could work on reached a dead-letter queue: its task was failed, or, when it"
        " cannot be read, it stays there with its size and SHA-256 on record.",
        {
            "queue": one_of("vigie-nlp-dlq", "vigie-prediction-dlq", "vigie-action-dlq", "vigie-audit-dlq"),
            "step": one_of(*Step, CLOSE_AUDIT),
            "reason": one_of(*DeadLetterReason),
            "batch_no": COUNT,
            "body_bytes": COUNT,
            "body_sha256": text(SHA256, Record.DEAD_LETTER),
        },
    ),
    EventType.PROMPT_READ: (
        "A person asked to read what was sent in a call, for the reason given (written by the database itself, before"
        " it gives the text).",
        {"egress_id": EGRESS_ID, "reason": one_of(*ReadingReason)},
    ),
    EventType.PERSON_CHANGED: (
        "A member of staff was named for a duty, or released from it.",
        {"person_id": PERSON, "duty": one_of(*Duty), "active": FLAG},
    ),
    EventType.CATALOGUE_LOADED: (
        "A version of the catalogue of offers was loaded.",
        {
            "version": text(VERSION, Record.CATALOGUE),
            "catalogue_sha256": text(SHA256, Record.CATALOGUE),
            "offers": COUNT,
        },
    ),
    EventType.CAMPAIGN_OPENED: (
        "A campaign was opened: its terms, catalogue and the key of its hold-out are fixed by their hashes before"
        " anything is proposed.",
        {
            **OF_CAMPAIGN,
            "person_id": PERSON,
            "contract": text(VERSION, Record.CAMPAIGN),
            "catalogue_sha256": text(SHA256, Record.CATALOGUE),
            "terms_sha256": text(SHA256, Record.CAMPAIGN),
            "holdout_commitment": text(SHA256, Record.CAMPAIGN),
            "holdout_share": SHARE.of(Record.CAMPAIGN),
        },
    ),
    EventType.CAMPAIGN_CHANGED: (
        "What may change in an open campaign was changed, with the hash of the new terms.",
        {
            **OF_CAMPAIGN,
            "person_id": PERSON,
            "terms_sha256": text(SHA256, Record.CAMPAIGN),
            "holdout_share": SHARE.of(Record.CAMPAIGN),
        },
    ),
    EventType.CAMPAIGN_CLOSED: (
        "A campaign was closed; the key of its hold-out may be read from here on.",
        {**OF_CAMPAIGN, "person_id": PERSON},
    ),
    EventType.PROPOSALS_ALLOCATED: (
        "A run's best offers were proposed into its campaign, as far as the budget goes.",
        {**OF_CAMPAIGN, "proposed": COUNT, "over_budget": COUNT, "held_out": COUNT, "superseded": COUNT},
    ),
    EventType.PROPOSAL_EDITED: (
        "A person changed the content of a proposal: earlier approvals are void.",
        {**OF_PROPOSAL, "version": COUNT, "content_sha256": text(SHA256, Record.PROPOSAL)},
    ),
    EventType.PROPOSAL_DECIDED: (
        "A person decided on a proposal, bound to the hash of the content that they saw.",
        {
            **OF_PROPOSAL,
            "version": COUNT,
            "content_sha256": text(SHA256, Record.PROPOSAL),
            "decision": one_of(*ReviewDecision),
            "in_bulk": FLAG,
        },
    ),
    EventType.HANDED_OVER: (
        "Approved actions were handed over, once each: how many, and the hash of what was handed over.",
        {
            **OF_CAMPAIGN,
            "person_id": PERSON,
            "hand_over_id": text(UUID, Record.HAND_OVER),
            "items": COUNT,
            "items_sha256": text(SHA256, Record.HAND_OVER),
        },
    ),
    EventType.HAND_OVER_ANSWERED: (
        "The receiver of a hand-over answered.",
        {**OF_CAMPAIGN, "hand_over_id": text(UUID, Record.HAND_OVER), "answers": counts_of(DeliveryAnswer)},
    ),
    EventType.OUTCOMES_RECORDED: (
        "What came of customers of a campaign was recorded: how many were new, and how many corrected.",
        {**OF_CAMPAIGN, "person_id": PERSON, "recorded": COUNT, "corrected": COUNT},
    ),
    EventType.OBJECTION_RECORDED: (
        "A customer contested a decision: another person has to decide anew.",
        {**OF_PROPOSAL, "objection_id": text(UUID, Record.OBJECTION)},
    ),
    EventType.OBJECTION_ANSWERED: (
        "A customer's objection was answered.",
        {**OF_PROPOSAL, "objection_id": text(UUID, Record.OBJECTION), "answer": one_of(*ObjectionAnswer)},
    ),
    EventType.OVERSIGHT_REPORTED: (
        "A report on how reviewers decide was made for the auditor: its hash.",
        {**OF_CAMPAIGN, "person_id": PERSON, "report_sha256": text(SHA256, Record.CAMPAIGN)},
    ),
}

_EACH_BATCH = (EventType.BATCH_START, EventType.BATCH_END, EventType.CONSENT_CHECK, EventType.STEP_ENDED)
_EACH_CALL = (
    EventType.LLM_CALL_START, EventType.LLM_CALL_END, EventType.EGRESS_BLOCKED, EventType.RECIPIENT_REFUSED,
    EventType.GUARD_REJECTED,
)  # fmt: skip
# By database role: what it may write itself. What the database's own functions write is not among it, but for the
# owner's, as whom they act.
WRITERS: dict[str, tuple[EventType, ...]] = {
    "planner": (EventType.RUN_PLANNED, EventType.STEP_ENDED, EventType.RUN_FINISHED),
    "nlp_agent": (*_EACH_BATCH, *_EACH_CALL, EventType.PSEUDONYMISATION, EventType.ANALYSIS_SAVED),
    "prediction_agent": (*_EACH_BATCH, EventType.MODEL_LOADED, EventType.PREDICTION_SAVED),
    "action_agent": (*_EACH_BATCH, *_EACH_CALL, EventType.SEGMENTATION, EventType.ACTION_SAVED),
    "audit_agent": (EventType.CHECKPOINT_SIGNED, EventType.RUN_RECONCILED),
    "dead_letters": (EventType.DEAD_LETTERED,),
    "owner": (
        EventType.MODEL_APPROVED, EventType.MODEL_RETIRED, EventType.CONSENT_RECORDED, EventType.DERIVED_DATA_ERASED,
        EventType.LLM_CALL_END, EventType.PERSON_CHANGED,
    ),
}  # fmt: skip
# What only the database's own functions write, on behalf of whoever calls them.
DATABASE_WRITES = (
    EventType.PROMPT_READ, EventType.PERSON_CHANGED, EventType.CATALOGUE_LOADED, EventType.CAMPAIGN_OPENED,
    EventType.CAMPAIGN_CHANGED, EventType.CAMPAIGN_CLOSED, EventType.PROPOSALS_ALLOCATED, EventType.PROPOSAL_EDITED,
    EventType.PROPOSAL_DECIDED, EventType.HANDED_OVER, EventType.HAND_OVER_ANSWERED, EventType.OUTCOMES_RECORDED,
    EventType.OBJECTION_RECORDED, EventType.OBJECTION_ANSWERED, EventType.OVERSIGHT_REPORTED,
)  # fmt: skip
_AGENTS = dict(zip(("nlp_agent", "prediction_agent", "action_agent"), zip(Purpose, Step, strict=True), strict=True))


def rules_of(writer: str, event_type: EventType) -> dict[str, Rule]:
    """What a writer may put in the details of one of its event types: an agent names its own purpose and step only."""
    rules = MEANINGS[event_type][1]
    if writer not in _AGENTS:
        return rules
    own = {str(word) for word in _AGENTS[writer]}
    return {
        name: replace(rule, words=tuple(own & set(rule.words))) if name in ("purpose", "step") else rule
        for name, rule in rules.items()
    }


def details_schema(event_type: EventType) -> dict[str, Any]:
    """The JSON schema of an event type's details: only the named properties, none required to be there."""
    properties = {name: rule.schema() for name, rule in MEANINGS[event_type][1].items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


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
