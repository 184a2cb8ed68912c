"""The campaign that a run proposes into: found when it is planned, and its budget allocated when it is closed."""

from typing import Any

from planner.requests import PlanRequest
from vigie.allocation import Wanted, allocate
from vigie.database import Transaction
from vigie.errors import InvalidInputError
from vigie.vocabulary import RunKind

FIND = """
SELECT campaign_id, contract, starts_on, ends_on, closed_at IS NOT NULL,
       current_date BETWEEN starts_on AND ends_on, campaign_is_sealed(campaign_id)
FROM campaigns WHERE campaign_id = %(named)s
   OR %(named)s::text IS NULL AND contract = %(contract)s AND closed_at IS NULL
      AND current_date BETWEEN starts_on AND ends_on
"""
GAPS = "SELECT missing, without_value FROM campaign_gaps(%s)"
TO_ALLOCATE = "SELECT customer_id, expected_value_eur, cost_eur, budget_line FROM to_allocate(%s)"
LINES_LEFT = """
SELECT l.key, l.value::numeric - coalesce((SELECT m.eur FROM committed(campaign_id) m WHERE m.budget_line = l.key), 0)
FROM campaigns, jsonb_each(budget_lines) l WHERE campaign_id = %s
"""


def find_campaign(transaction: Transaction, asked: PlanRequest, contract: str, purpose: RunKind) -> str | None:
    """Return the campaign that was asked for, or else the open one of the contract; None: the run proposes nothing.

    Raises:
        InvalidInputError: it is unknown, closed, another contract's, out of its period, or not sealed yet.
    """
    if purpose is not RunKind.RETENTION:
        return None
    rows: list[Any] = transaction.fetch(FIND, {"named": asked.campaign, "contract": contract})
    if not rows:
        if asked.campaign:
            raise InvalidInputError(f"campaign={asked.campaign} is unknown: vigie campaigns list shows them")
        return None
    name, of_contract, starts_on, ends_on, closed, is_on, sealed = rows[0]
    if closed:
        raise InvalidInputError(f"campaign={name} is closed: open another, or name none")
    if of_contract != contract:
        raise InvalidInputError(f"campaign={name} is of contract {of_contract}, and the run is of {contract}")
    if not is_on:
        raise InvalidInputError(f"campaign={name} lasts from {starts_on} to {ends_on}: today is not in it")
    if not sealed:
        raise InvalidInputError(
            f"campaign={name}: the event that fixes its terms is not sealed yet. Wait for the next sealing, a minute at"
            " most, and start the run again"
        )
    return str(name)


def require_prerequisites(transaction: Transaction, run_id: str, campaign: str) -> None:
    """Refuse to plan customers for whom the catalogue's conditions cannot be judged.

    Raises:
        InvalidInputError: names the features that are missing, or counts the customers without a yearly value.
    """
    [(missing, without_value)] = transaction.fetch(GAPS, (run_id,))
    if missing:
        raise InvalidInputError(
            f"campaign={campaign}: its catalogue requires {', '.join(missing)}, which the contract does not have. Load"
            " the features, or a campaign with another catalogue"
        )
    if without_value:
        raise InvalidInputError(
            f"campaign={campaign}: {without_value} customers have no annual_value_eur. Load it, leave them out with"
            " customer_ids, or set default_yearly_value_eur in the catalogue's policy"
        )


def allocate_budget(transaction: Transaction, run_id: str, campaign: str) -> None:
    """Give what is left of the campaign's budget to the run's best offers, and propose these."""
    wanted = [Wanted(*row) for row in transaction.fetch(TO_ALLOCATE, (run_id,))]
    [(left,)] = transaction.fetch("SELECT budget_left(%s)", (campaign,))
    lines = {row[0]: row[1] for row in transaction.fetch(LINES_LEFT, (campaign,))}
    made = allocate(wanted, left, lines)
    over = [each.customer_id for each in made.over_budget]
    [(kept,)] = transaction.fetch("SELECT allocate_run(%s, %s::uuid[], %s)", (run_id, over, made.shadow_price))
    if kept:
        transaction.fetch("SELECT proposed, superseded FROM propose(%s)", (run_id,))
