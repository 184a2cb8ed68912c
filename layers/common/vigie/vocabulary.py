"""The domain's closed words, each defined once.

The database's CHECK constraints hold the same words; tests/integration/database/test_vocabulary.py compares them.
"""

from enum import StrEnum


class Word(StrEnum):
    """A word of one of the closed lists below."""


class Step(Word):
    """What an agent does for one customer of a run, in this order."""

    ANALYSE = "analyse"
    PREDICT = "predict"
    DECIDE = "decide"


# The audit agent's step concerns the run as a whole; `run` stands for a step in what belongs to none.
CLOSE_AUDIT = "close_audit"
WHOLE_RUN = "run"


class StepOutcome(Word):
    """How a step ended for one customer. All but `done` have a reason."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class Reason(Word):
    """Why a step ended without a result, or an action without the model's words."""

    NO_CONSENT = "NoConsent"
    CONSENT_WITHDRAWN = "ConsentWithdrawn"
    NO_FEEDBACK = "NoFeedback"
    NO_FEATURES = "NoFeatures"
    NO_PREDICTION = "NoPrediction"
    NO_OFFER = "NoOffer"
    HELD_OUT = "HeldOut"
    BELOW_BREAK_EVEN = "BelowBreakEven"
    CONTACT_POLICY = "ContactPolicy"
    ANSWER_REJECTED = "AnswerRejected"
    EGRESS_BLOCKED = "EgressBlocked"
    MODEL_REFUSED = "ModelRefused"
    MODEL_UNAVAILABLE = "ModelUnavailable"
    ANALYSIS_GIVEN_UP = "AnalysisGivenUp"
    BATCH_FAILED = "BatchFailed"


WANT_OF_CONSENT = (Reason.NO_CONSENT, Reason.CONSENT_WITHDRAWN)


class Purpose(Word):
    """What a customer consents to."""

    FEEDBACK_ANALYSIS = "feedback_analysis"
    PROFILING = "profiling"
    RETENTION_OFFERS = "retention_offers"


class CallStatus(Word):
    """How a call to the language model ended, in the egress ledger's words."""

    ANSWERED = "answered"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    UNSENT = "unsent"
    LOST = "lost"


class RunStatus(Word):
    """The state of a run."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"


class RunKind(Word):
    """What a run is made for; the execution's input calls it `purpose`."""

    RETENTION = "retention"
    TEST = "test"
    BENCHMARK = "benchmark"


class Segment(Word):
    """How urgent it is to keep a customer."""

    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


class ActionSource(Word):
    """Who chose an action and its sentences: the model, or else the catalogue; none where no offer may be made."""

    MODEL = "model"
    CATALOGUE = "catalogue"
    NONE = "none"


class Sentiment(Word):
    """What a customer's own words express."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    MIXED = "mixed"


class Topic(Word):
    """What a customer wrote about."""

    FEES = "fees"
    CUSTOMER_SERVICE = "customer_service"
    MOBILE_APP = "mobile_app"
    WEBSITE = "website"
    CARD = "card"
    TRANSFER = "transfer"
    LOAN = "loan"
    SAVINGS = "savings"
    RATES = "rates"
    BRANCH = "branch"
    ACCOUNT_CLOSURE = "account_closure"
    SECURITY_FRAUD = "security_fraud"
    ONBOARDING = "onboarding"
    COMMUNICATION = "communication"
    INSURANCE = "insurance"
    OTHER = "other"


class FeedbackCause(Word):
    """Why a customer is displeased or, the last two, pleased."""

    PRICE = "price"
    WAITING = "waiting"
    UNREACHABLE = "unreachable"
    ERROR = "error"
    FAILURE = "failure"
    UNCLEAR = "unclear"
    REFUSAL = "refusal"
    COMPETITOR = "competitor"
    UNHEARD = "unheard"
    HELPFUL = "helpful"
    EASY = "easy"


class PhraseKind(Word):
    """What a sentence of the phrase bank does; all but the last stand in messages, in this order."""

    OPENING = "opening"
    TOPIC = "topic"
    CAUSE = "cause"
    OFFER = "offer"
    ASSURANCE = "assurance"
    CLOSING = "closing"
    REASON = "reason"


class Wording(Word):
    """Whether a run keeps the model's own words as well, as drafts that no person has reviewed."""

    COMPOSED = "composed"
    DRAFTED = "drafted"


class EventStatus(Word):
    """How what an audit event reports went."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


class EventType(Word):
    """The types of audit events; vigie/events.py has their meanings and details."""

    RUN_PLANNED = "RUN_PLANNED"
    BATCH_START = "BATCH_START"
    BATCH_END = "BATCH_END"
    CONSENT_CHECK = "CONSENT_CHECK"
    PSEUDONYMISATION = "PSEUDONYMISATION"
    # What earlier versions wrote for PSEUDONYMISATION: read, no longer written.
    ANONYMISATION = "ANONYMISATION"
    LLM_CALL_START = "LLM_CALL_START"
    LLM_CALL_END = "LLM_CALL_END"
    EGRESS_BLOCKED = "EGRESS_BLOCKED"
    RECIPIENT_REFUSED = "RECIPIENT_REFUSED"
    ANALYSIS_SAVED = "ANALYSIS_SAVED"
    MODEL_LOADED = "MODEL_LOADED"
    PREDICTION_SAVED = "PREDICTION_SAVED"
    SEGMENTATION = "SEGMENTATION"
    ACTION_SAVED = "ACTION_SAVED"
    GUARD_REJECTED = "GUARD_REJECTED"
    STEP_ENDED = "STEP_ENDED"
    CONSENT_RECORDED = "CONSENT_RECORDED"
    DERIVED_DATA_ERASED = "DERIVED_DATA_ERASED"
    MODEL_APPROVED = "MODEL_APPROVED"
    MODEL_RETIRED = "MODEL_RETIRED"
    CHECKPOINT_SIGNED = "CHECKPOINT_SIGNED"
    RUN_RECONCILED = "RUN_RECONCILED"
    RUN_FINISHED = "RUN_FINISHED"
    DEAD_LETTERED = "DEAD_LETTERED"
    PROMPT_READ = "PROMPT_READ"
    CATALOGUE_LOADED = "CATALOGUE_LOADED"
    CAMPAIGN_OPENED = "CAMPAIGN_OPENED"
    CAMPAIGN_CHANGED = "CAMPAIGN_CHANGED"
    CAMPAIGN_CLOSED = "CAMPAIGN_CLOSED"
    PROPOSALS_ALLOCATED = "PROPOSALS_ALLOCATED"
    PROPOSAL_EDITED = "PROPOSAL_EDITED"
    PROPOSAL_DECIDED = "PROPOSAL_DECIDED"
    HANDED_OVER = "HANDED_OVER"
    HAND_OVER_ANSWERED = "HAND_OVER_ANSWERED"
    OUTCOMES_RECORDED = "OUTCOMES_RECORDED"
    OBJECTION_RECORDED = "OBJECTION_RECORDED"
    OBJECTION_ANSWERED = "OBJECTION_ANSWERED"
    OVERSIGHT_REPORTED = "OVERSIGHT_REPORTED"
    PERSON_CHANGED = "PERSON_CHANGED"


class Verdict(Word):
    """What the arbitration of a customer's offers came to."""

    PROPOSED = "proposed"
    HELD_OUT = "held_out"
    BELOW_BREAK_EVEN = "below_break_even"
    NOT_ELIGIBLE = "not_eligible"
    CONTACT_POLICY = "contact_policy"
    OVER_BUDGET = "over_budget"


class OfferVerdict(Word):
    """Why an offer was chosen for a customer, or why not."""

    CHOSEN = "chosen"
    WITHIN_MARGIN = "within_margin"
    LOWER_VALUE = "lower_value"
    BELOW_BREAK_EVEN = "below_break_even"
    NOT_VALID_TODAY = "not_valid_today"
    WRONG_SEGMENT = "wrong_segment"
    WRONG_TONE = "wrong_tone"
    WRONG_TOPIC = "wrong_topic"
    WRONG_LANGUAGE = "wrong_language"
    MISSING_FEATURE = "missing_feature"
    MISSING_VALUE = "missing_value"
    REQUIREMENT = "requirement"
    COOLDOWN = "cooldown"
    CHANNEL_REST = "channel_rest"
    CONTACT_POLICY = "contact_policy"


class SaveRateSource(Word):
    """Where an offer's save rate comes from."""

    ASSUMED = "assumed"
    MEASURED = "measured"


class Channel(Word):
    """By which way an offer reaches a customer."""

    EMAIL = "email"
    PHONE = "phone"
    LETTER = "letter"
    APP = "app"


class ReviewDecision(Word):
    """What a person decides about a proposal."""

    APPROVE = "approve"
    SECOND_APPROVE = "second_approve"
    REJECT = "reject"
    UNDO = "undo"


class Duty(Word):
    """What a member of staff is named for; also the database role that they act through."""

    REVIEWER = "reviewer"
    SECOND_REVIEWER = "second_reviewer"
    OFFICER = "officer"
    OPERATOR = "operator"


class ObjectionAnswer(Word):
    """How a customer's objection was answered."""

    UPHELD = "upheld"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


class DeliveryAnswer(Word):
    """What the receiver of a hand-over answers about one action."""

    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"


class DeadLetterReason(Word):
    """Why a message is in a dead-letter queue."""

    RETRIES_EXHAUSTED = "GivenUp"
    UNREADABLE = "Unreadable"


class Finding(Word):
    """What the masking replaced in a text, or what a guard found in a request or an answer; never the value."""

    ACCOUNT_NUMBER = "ACCOUNT_NUMBER"
    ADDRESS = "ADDRESS"
    ADDRESS_WORDS = "ADDRESS_WORDS"
    AMOUNT = "AMOUNT"
    AMOUNT_WORDS = "AMOUNT_WORDS"
    BIRTH_DATE = "BIRTH_DATE"
    CARD = "CARD"
    CODE_WORDS = "CODE_WORDS"
    CONTENT_FILTERED = "CONTENT_FILTERED"
    CONTROL_CHARACTER = "CONTROL_CHARACTER"
    CUSTOMER_NAME = "CUSTOMER_NAME"
    CUSTOMER_UNKNOWN = "CUSTOMER_UNKNOWN"
    DISGUISED_WORD = "DISGUISED_WORD"
    EMAIL = "EMAIL"
    ENCODED = "ENCODED"
    HANDLE = "HANDLE"
    HIDDEN = "HIDDEN"
    IBAN = "IBAN"
    IP = "IP"
    LINK = "LINK"
    LOOK_ALIKES = "LOOK_ALIKES"
    MACHINE_WORDS = "MACHINE_WORDS"
    MARKUP = "MARKUP"
    MODEL_REFUSED = "MODEL_REFUSED"
    MORSE = "MORSE"
    NAME = "NAME"
    NATIONAL_ID = "NATIONAL_ID"
    NOT_JSON = "NOT_JSON"
    NUMBER = "NUMBER"
    NUMBER_WORDS = "NUMBER_WORDS"
    OTHER_NAME = "OTHER_NAME"
    PERCENTAGE = "PERCENTAGE"
    PERCENT_WORDS = "PERCENT_WORDS"
    PHONE = "PHONE"
    PLATE = "PLATE"
    PROMO_CODE = "PROMO_CODE"
    SCHEMA = "SCHEMA"
    SPELLED = "SPELLED"
    SPELT_ADDRESS = "SPELT_ADDRESS"
    UNSPEAKABLE = "UNSPEAKABLE"
    URL = "URL"


class NoAnswer(Word):
    """Why a call got no answer: what kept it from coming, or the code of a refusal that concerns the account."""

    CONNECTION = "Connection"
    DEADLINE = "Deadline"
    DNS = "Dns"
    PROXY = "Proxy"
    REFUSED = "Refused"
    RESET = "Reset"
    STATUS = "Status"
    TIMED_OUT = "TimedOut"
    TLS = "Tls"
    UNREADABLE = "Unreadable"
    BILLING_NOT_ACTIVE = "billing_not_active"
    BLOCKED_API_ACCESS = "blocked_api_access"
    EVERY_CALL_REFUSED = "every_call_refused"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    INVALID_API_KEY = "invalid_api_key"
    MODEL_BLOCKED = "model_blocked"
    MODEL_DECOMMISSIONED = "model_decommissioned"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_TERMS_REQUIRED = "model_terms_required"
    NO_JSON_SCHEMA = "no_json_schema"
    NOT_AN_API = "not_an_api"
    ORGANIZATION_RESTRICTED = "organization_restricted"
    PERMISSION_DENIED = "permission_denied"
    PROXY_REFUSED = "proxy_refused"
    WRONG_ADDRESS = "wrong_address"


class ReadingReason(Word):
    """Why a person reads the text that was sent in a call."""

    SUBJECT_ACCESS = "subject_access"
    COMPLAINT = "complaint"
    INCIDENT = "incident"
    INSPECTION = "inspection"


class GapName(Word):
    """What the reconciliation of a run can find missing or different."""

    STEP_NOT_ENDED = "StepNotEnded"
    RESULT_MISSING = "ResultMissing"
    STEP_NOT_DONE = "StepNotDone"
    RESULT_WITHOUT_EVENT = "ResultWithoutEvent"
    EVENT_WITHOUT_RESULT = "EventWithoutResult"
    SEGMENT_WITHOUT_EVENT = "SegmentWithoutEvent"
    LOSS_NOT_MARKED = "LossNotMarked"
    LOSS_TOLD_OTHERWISE = "LossToldOtherwise"
    STEP_WITHOUT_EVENT = "StepWithoutEvent"
    EVENT_WITHOUT_STEP = "EventWithoutStep"
    CONSENT_NOT_CHECKED = "ConsentNotChecked"
    CALL_WITHOUT_OUTCOME = "CallWithoutOutcome"
    CALL_START_WITHOUT_EVENT = "CallStartWithoutEvent"
    CALL_END_WITHOUT_EVENT = "CallEndWithoutEvent"
    EVENT_WITHOUT_CALL = "EventWithoutCall"
    RESULT_WITHOUT_ANSWER = "ResultWithoutAnswer"
    PSEUDONYMISATION_NOT_TOLD = "PseudonymisationNotTold"
    REFUSAL_NOT_TOLD = "RefusalNotTold"
    PLAN_DIFFERS = "PlanDiffers"
    LEAF_DIFFERS = "LeafDiffers"
    NOT_SEALED = "NotSealed"
    EVENT_TIME_OUT_OF_ORDER = "EventTimeOutOfOrder"
    CHECKPOINT_TIMES_OUT_OF_ORDER = "CheckpointTimesOutOfOrder"
    EVENT_NOT_LOGGED = "EventNotLogged"
    LOG_LINE_DIFFERS = "LogLineDiffers"
    LOGGED_WITHOUT_ROW = "LoggedWithoutRow"
    LOGGED_BY_ANOTHER = "LoggedByAnother"
    NO_BATCH_STARTED = "NoBatchStarted"
    BATCHES_NOT_STARTED = "BatchesNotStarted"
    BATCHES_NOT_ENDED = "BatchesNotEnded"
    BATCHES_FAILED_THOUGH_ENDED = "BatchesFailedThoughEnded"
    BATCH_FAILED_THOUGH_ENDED = "BatchFailedThoughEnded"
    BATCH_END_NOT_TOLD = "BatchEndNotTold"
    STORE_UNAVAILABLE = "StoreUnavailable"
