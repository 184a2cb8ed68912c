"""What can be wrong with a scorer.

ScorerError
└── ScorerHashError   the file is not the one that was approved
"""


class ScorerError(ValueError):
    """When a scorer file cannot be used; the message names the place and what is wrong there."""


class ScorerHashError(ScorerError):
    """When a scorer's bytes do not have the expected SHA-256."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f"scorer refused: SHA-256 is {found}, the registry approved {expected}; "
            "restore the approved file, or approve this one"
        )
