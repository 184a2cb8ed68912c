"""What can come of a call to the model provider.

LlmError
├── ModelUnavailableError    no answer after every attempt the deadline allowed
│   └── NotNowError              the provider asks to wait, or the deadline came first: the call may be made later
├── ModelRefusedError        the provider refused this call for good
│   ├── TextTooLongError         a shorter text may pass
│   └── AccountRefusedError      every call is refused until an operator mends it: key, model, address
├── EgressBlockedError       the guard found an identifier in the request: nothing left
├── CallWithdrawnError       a consent that the call rests on was withdrawn: nothing leaves any more
└── AnswerRejectedError      the answer breaks its schema, or the guard found something in it
"""

from collections import Counter
from collections.abc import Iterable

from vigie_llm.causes import Cause


class LlmError(Exception):
    """Any failure of a call to the model provider."""


class ModelUnavailableError(LlmError):
    """When no answer came after every attempt that the deadline allowed; `cause` is of a closed list (`causes`)."""

    def __init__(self, message: str, cause: Cause = "Connection") -> None:
        super().__init__(message)
        self.cause: Cause = cause


class NotNowError(ModelUnavailableError):
    """When the provider asks to wait for so many seconds, or the deadline came before it had a fair chance."""

    def __init__(self, message: str, seconds: float = 0.0, cause: Cause = "Deadline") -> None:
        super().__init__(message, cause)
        self.seconds = seconds


class ModelRefusedError(LlmError):
    """When the provider refused the call for good; its status and our code are kept, its words are not."""

    def __init__(self, status: int, code: str = "refused", remedy: str = "") -> None:
        super().__init__(f"the model provider refused the call with status {status}")
        self.status = status
        self.code = code
        self.remedy = remedy


class TextTooLongError(ModelRefusedError):
    """When the provider refused the call for its length."""


class AccountRefusedError(ModelRefusedError):
    """When the provider refuses every call: the account, the key, the model or the address is not right."""


class EgressBlockedError(LlmError):
    """When an outgoing request held an identifier; kinds are kept, values are not."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.found = dict(Counter(labels))
        super().__init__(f"egress blocked: {self.found}")


class CallWithdrawnError(LlmError):
    """When the database does not let a call leave, for the first time or again: a consent was withdrawn."""


class AnswerRejectedError(LlmError):
    """When an answer may not be stored; what was found is named by kind, never quoted."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.found = dict(Counter(labels))
        super().__init__(f"answer rejected: {self.found}")
