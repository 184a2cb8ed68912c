"""Opens the ledger for a run's calls, which go where it was planned that they go, and audits a refusal."""

from collections.abc import Iterator
from contextlib import contextmanager

from vigie.audit import Event
from vigie.database import Database
from vigie.errors import RecipientChangedError
from vigie.runs import Run
from vigie.runtime import Request
from vigie.vocabulary import EventStatus, EventType, Purpose
from vigie_llm.ledger import Ledger
from vigie_llm.provider import Provider


def open_ledger(provider: Provider, run: Run, purpose: Purpose, prompt_version: str) -> Ledger:
    """The ledger's pages for a run; errors as for `Provider.ledger`."""
    if run.endpoint is None:
        return provider.ledger(run.run_id, purpose, prompt_version)
    return provider.ledger(run.run_id, purpose, prompt_version, run.endpoint)


@contextmanager
def refusal_audited(database: Database, request: Request, batch_no: int) -> Iterator[None]:
    """Audit that a batch was not sent because the secret points elsewhere, and raise on."""
    try:
        yield
    except RecipientChangedError as error:
        found = error.found
        details = {"batch_no": batch_no, "recipient": found.recipient, "address": found.address}
        with database.transaction(request.origin) as transaction:
            transaction.audit(
                Event(EventType.RECIPIENT_REFUSED, EventStatus.REFUSED, details=details | {"llm_model": found.model})
            )
        raise
