"""The audit agent's own errors.

TransientError
├── SigningUnavailableError   the key does not answer: what is sealed is signed by a later round
└── StoreUnavailableError     the write-once store does not answer: published by a later round
LogBrokenError                the log is not the continuation of what was signed: nothing more is signed
"""

from vigie.errors import TransientError, VigieError


class SigningUnavailableError(TransientError):
    """When the signing key cannot be used now."""


class StoreUnavailableError(TransientError):
    """When the write-once store cannot be used now."""


class LogBrokenError(VigieError):
    """When signing would fork the log: a backup was restored, or the database was altered."""
