"""The arbitration of a batch's customers in the campaign that the run proposes into."""

from collections.abc import Sequence
from uuid import UUID

from action_agent.deciding import ActionCandidate, situation_of
from action_agent.store import Facts, Terms, load_facts, load_held_out, load_terms
from vigie.arbitration import Arbitration, Subject, arbitrate
from vigie.database import Transaction
from vigie.runs import Run
from vigie.vocabulary import Segment, Verdict


def arbitrate_batch(
    transaction: Transaction, run: Run, candidates: Sequence[ActionCandidate]
) -> dict[UUID, Arbitration] | None:
    """Decide what each customer may be offered; None where the run proposes into no campaign.

    Arms are drawn of those for whom there is something to propose, so that both arms are made of such customers.
    """
    if run.campaign_id is None:
        return None
    # Of the others no step leads to an offer.
    asked = [
        each for each in candidates if each.profiled and each.probability is not None and each.consent_id is not None
    ]
    terms = load_terms(transaction, run.campaign_id)
    facts = load_facts(transaction, run.run_id, [each.customer_id for each in asked])
    segments = {each.customer_id: _segment(run, each) for each in asked}
    rulings = {
        each.customer_id: _arbitrate(each, segments[each.customer_id], terms, facts[each.customer_id]) for each in asked
    }
    eligible = {one: segments[one] for one, ruling in rulings.items() if ruling.verdict is Verdict.PROPOSED}
    held_out = load_held_out(transaction, run.run_id, eligible)
    return {one: ruling.held_out() if one in held_out else ruling for one, ruling in rulings.items()}


def _segment(run: Run, candidate: ActionCandidate) -> Segment:
    return run.decision.segment(candidate.probability or 0.0, candidate.annual_value_eur)


def _arbitrate(candidate: ActionCandidate, segment: Segment, terms: Terms, facts: Facts) -> Arbitration:
    case = situation_of(segment, candidate.analysis)
    subject = Subject(
        segment,
        candidate.probability or 0.0,
        candidate.annual_value_eur,
        candidate.language,
        case.tone,
        case.topics,
        facts.features,
        facts.contacts,
        facts.complaint_days,
    )
    return arbitrate(subject, terms.offers, terms.policy, terms.today)
