"""A gap: something that one record of a run holds and another lacks, or holds differently."""

from dataclasses import dataclass
from uuid import UUID

from vigie.database import Transaction
from vigie.vocabulary import GapName

INSERT = """
INSERT INTO run_gaps (run_id, customer_id, step, store, problem, event_id, batch_no) VALUES %s ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """What is wrong, in which store, and about whom. `step` is `run` for what belongs to no step."""

    step: str
    store: str
    problem: GapName
    customer_id: UUID | None = None
    event_id: UUID | None = None
    batch_no: int | None = None


def insert_gaps(transaction: Transaction, run_id: str, gaps: list[Gap]) -> None:
    """Store gaps; one that was found before stays as it is."""
    transaction.insert(
        INSERT,
        [(run_id, gap.customer_id, gap.step, gap.store, gap.problem, gap.event_id, gap.batch_no) for gap in gaps],
    )
