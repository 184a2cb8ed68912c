"""The errors of Vigie's functions.

VigieError
├── BusinessError            final: the task fails with the error's class name, the message is acknowledged
│   ├── InvalidInputError        an execution's input, a message or a request names something impossible
│   ├── UnknownRunError          the run or batch is not in the database
│   ├── ModelNotApprovedError    no approved model, or a scorer that is not the registered one
│   ├── PromptVersionError       the run was planned with a prompt version this code does not have
│   ├── CountsDifferError        a run's counts do not add up to its plan
│   ├── RecipientChangedError    the model provider is not the one the run was planned with
│   └── DeadLettered             no delivery of a batch's message could be worked on
├── TransientError           another attempt may succeed: tried again here, then by SQS
│   ├── DatabaseUnavailableError
│   ├── ConsentChangedError      a consent changed while the batch was being prepared
│   ├── LateEventError           an audit event is too far from the database's time
│   └── BatchBusyError           another delivery of the same batch is being worked on
├── StatementRefusedError    the database refused a statement: a right, a constraint, a fault of ours
└── SettingsError            deployment is wrong: a setting or a secret is missing or malformed
    └── SecretMalformedError     a secret is no JSON object, or lacks fields
"""

from vigie.endpoint import Endpoint


class VigieError(Exception):
    """Any error that Vigie raises on purpose."""


class BusinessError(VigieError):
    """When no further attempt can succeed."""


class InvalidInputError(BusinessError):
    """When input names a field or value that cannot be; says which and what to do."""


class UnknownRunError(BusinessError):
    """When a run or batch is not in the database."""


class ModelNotApprovedError(BusinessError):
    """When there is no approved model, or its scorer is not the registered one."""


class PromptVersionError(BusinessError):
    """When a run was planned with a prompt version that this code does not have."""


class CountsDifferError(BusinessError):
    """When a run's counts do not add up to its plan; names step, counts and sum."""


class RecipientChangedError(BusinessError):
    """When the secret points at another recipient, address or model than the run was planned with."""

    def __init__(self, run_id: str, planned: Endpoint, found: Endpoint) -> None:
        super().__init__(
            f"run {run_id} was planned with {planned}, and the secret points to {found}: nothing was sent there. "
            "Set the secret to the one that is wanted; make redrive then takes these customers up in a run of its own"
        )
        self.planned, self.found = planned, found


class DeadLettered(BusinessError):
    """When a batch's message ended in a dead-letter queue."""


class TransientError(VigieError):
    """When another attempt may succeed."""


class DatabaseUnavailableError(TransientError):
    """When the database cannot be reached, or the connection is lost."""


class ConsentChangedError(TransientError):
    """When the database refuses a row because its consent is no longer in force."""


class LateEventError(TransientError):
    """When an audit event waited too long to be committed, or clocks differ."""


class BatchBusyError(TransientError):
    """When another transaction holds a lock that this batch needs."""


class StatementRefusedError(VigieError):
    """When the database refuses a statement; names code, table and constraint, never the row."""

    def __init__(self, code: str | None, table: str | None, constraint: str | None) -> None:
        super().__init__(f"the database refused a statement: {code}, table {table}, constraint {constraint}")
        self.code = code


class SettingsError(VigieError):
    """When a setting or secret is missing or malformed; says which and how to set it, never its value."""


class SecretMalformedError(SettingsError):
    """When a secret is no JSON object with the fields it needs; names those that are missing, never a value."""

    def __init__(self, name: str, missing: list[str]) -> None:
        super().__init__(
            f"secret {name} is malformed: {', '.join(missing)} missing. "
            f"Set it with: aws secretsmanager put-secret-value --secret-id {name} --secret-string file://…"
        )
        self.missing = missing
