"""What can come of a call to the model provider.

LlmError
├── ModelUnavailableError    no answer after every attempt the deadline allowed
├── ModelRefusedError        the provider refused for good: 400, 401, 403, 404, 422
├── EgressBlockedError       the guard found an identifier in the request: nothing left
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


class ModelRefusedError(LlmError):
    """When the provider refused the call for good; its status is kept, its words are not."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the model provider refused the call with status {status}")
        self.status = status


class EgressBlockedError(LlmError):
    """When an outgoing request held an identifier; kinds are kept, values are not."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.found = dict(Counter(labels))
        super().__init__(f"egress blocked: {self.found}")


class AnswerRejectedError(LlmError):
    """When an answer may not be stored; what was found is named by kind, never quoted."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.found = dict(Counter(labels))
        super().__init__(f"answer rejected: {self.found}")
