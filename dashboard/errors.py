"""What can stop the dashboard from showing data.

DashboardError
├── SecretMissingError       the secret does not exist
├── SecretUnreadableError    Secrets Manager does not answer, or refuses
├── SecretMalformedError     the secret lacks a field
├── DatabaseUnreachableError no server answers, or the password is refused
├── SchemaMissingError       the tables are not there, or may not be read
├── QueryTooSlowError        the database gave up on a query
├── RefusedError             a function of the database refused what a person asked for
├── BusyError                somebody else held what a person asked for; nothing was done
└── OutcomeUnknownError      the connection was lost before the answer: look before asking again

`kind` names the entry of texts.toml, section [error], that says what to do; `values` fills it in.
"""

from __future__ import annotations


class DashboardError(Exception):
    """When data cannot be shown; carries no personal data and no secret."""

    kind = "unknown"

    def __init__(self, **values: str) -> None:
        super().__init__(f"{self.kind}: {values}")
        self.values = values


class SecretMissingError(DashboardError):
    """When the secret does not exist."""

    kind = "secret_missing"


class SecretUnreadableError(DashboardError):
    """When Secrets Manager does not answer, or refuses."""

    kind = "secret_unreadable"


class SecretMalformedError(DashboardError):
    """When the secret lacks a field."""

    kind = "secret_malformed"


class DatabaseUnreachableError(DashboardError):
    """When the database's address does not answer, or the password is refused twice."""

    kind = "database_unreachable"


class SchemaMissingError(DashboardError):
    """When a table is missing or may not be read by the role `dashboard`."""

    kind = "schema_missing"


class QueryTooSlowError(DashboardError):
    """When the database gave up on a query."""

    kind = "query_too_slow"


class RefusedError(DashboardError):
    """When a function of the database refused: `message` and `hint` are its own words, in English."""

    kind = "refused"


class BusyError(DashboardError):
    """When a lock or a connection was not to be had in time; nothing was done."""

    kind = "busy"


class OutcomeUnknownError(DashboardError):
    """When the connection was lost between asking and the answer: it may have been done."""

    kind = "outcome_unknown"
