"""The bank of the campaign's story: synthetic customers, offers with their true save rates, and three policies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from model.synthetic_bank import draw_population
from vigie.allocation import Wanted, allocate
from vigie.arbitration import Considered, Subject, arbitrate
from vigie.catalogue import CatalogueOffer, Policy
from vigie.decision import DEFAULT
from vigie.vocabulary import Topic

Floats = NDArray[np.float64]
TODAY = date(2026, 1, 1)
POLICY = Policy(per_customer_days=30, most_per_year=4, quiet_days_after_complaint=90, margin_eur=0.0)
# How far the model's log-odds are from the truth.
MODEL_ERROR = 0.35


@dataclass(frozen=True)
class Truth:
    """An offer as the catalogue has it, and the share of leavers whom it keeps in truth."""

    offer: CatalogueOffer
    save_rate: float


def _offer(
    code: str, cost: float, assumed: float, topics: tuple[str, ...], segments: str = "High Medium"
) -> CatalogueOffer:
    return CatalogueOffer(code, cost, assumed, "assumed", tuple(segments.split()), ("email",), topics)


# Some are better than the catalogue assumes, most are worse, and one does nothing.
OFFERS = (
    Truth(_offer("advisor_call", 25, 0.25, ()), 0.20),
    Truth(_offer("fee_review", 30, 0.30, (Topic.FEES, Topic.RATES)), 0.36),
    Truth(_offer("complaint_priority", 20, 0.28, (Topic.CUSTOMER_SERVICE, Topic.CARD)), 0.22),
    Truth(_offer("digital_help", 8, 0.12, (Topic.MOBILE_APP,), "High Medium Low"), 0.0),
    Truth(_offer("loyalty_thanks", 2, 0.03, (), "Low"), 0.02),
)
CATALOGUE = tuple(truth.offer for truth in OFFERS)
TRUE_RATES = {truth.offer.offer_id: truth.save_rate for truth in OFFERS}
TOPICS = (Topic.FEES, Topic.RATES, Topic.CUSTOMER_SERVICE, Topic.CARD, Topic.MOBILE_APP, Topic.OTHER)


@dataclass(frozen=True)
class Bank:
    """Customers in columns; `best` is the offer that ranks first for each, if it is one that may be made."""

    true_probability: Floats
    probability: Floats
    value_eur: Floats
    segment: Sequence[str]
    best: Sequence[Considered | None]

    def __len__(self) -> int:
        return len(self.segment)

    def wants(self, customer: int) -> bool:
        """Whether arbitration proposes its best offer: it is worth more than it costs."""
        best = self.best[customer]
        return best is not None and (best.expected_value_eur or 0.0) > 0

    def profit(self, customers: Iterable[int]) -> float:
        """Euros that making each of these their best offer brings in truth, less what it costs."""
        total = 0.0
        for customer in customers:
            if best := self.best[customer]:
                worth = self.true_probability[customer] * self.value_eur[customer]
                total += worth * TRUE_RATES[best.offer_id] - best.cost_eur
        return float(total)


def draw_bank(customers: int, rng: np.random.Generator) -> Bank:
    """Draw customers, a model that knows them nearly, and have every one arbitrated."""
    population = draw_population(customers, rng)
    truth = population.true_probability
    log_odds = np.log(truth / (1 - truth)) + rng.normal(0, MODEL_ERROR, customers)
    probability = 1 / (1 + np.exp(-log_odds))
    segments = [DEFAULT.segment(p) for p in probability]
    topics = rng.integers(0, len(TOPICS), customers)
    wrote = ~np.isnan(population.sentiment_score)
    best: list[Considered | None] = []
    for i in range(customers):
        about = (TOPICS[topics[i]],) if wrote[i] else ()
        value = float(population.annual_value_eur[i])
        subject = Subject(segments[i], float(probability[i]), value, "fr", "none", about)
        first = arbitrate(subject, CATALOGUE, POLICY, TODAY).considered[0]
        best.append(None if first.expected_value_eur is None else first)
    return Bank(truth, probability, population.annual_value_eur, segments, best)


def by_expected_value(bank: Bank, among: Iterable[int], budget_eur: float) -> list[int]:
    """Vigie's way: offers above their break-even, the most expected value for each euro first."""
    wanted = [
        Wanted(UUID(int=i), Decimal(f"{best.expected_value_eur:.2f}"), Decimal(f"{best.cost_eur:.2f}"))
        for i in among
        if bank.wants(i) and (best := bank.best[i])
    ]
    return [each.customer_id.int for each in allocate(wanted, Decimal(f"{budget_eur:.2f}")).proposed]


def by_risk(bank: Bank, among: Iterable[int], budget_eur: float) -> list[int]:
    """Those most likely to leave first, each with the same offer, whatever they are worth."""
    return _spend(bank, sorted(among, key=lambda i: -bank.probability[i]), budget_eur)


def at_random(bank: Bank, among: Iterable[int], budget_eur: float, rng: np.random.Generator) -> list[int]:
    """Whoever comes first, each with the same offer."""
    return _spend(bank, [int(i) for i in rng.permutation(list(among))], budget_eur)


def _spend(bank: Bank, order: Iterable[int], budget_eur: float) -> list[int]:
    chosen, left = [], budget_eur
    for customer in order:
        if (best := bank.best[customer]) and best.cost_eur <= left:
            chosen.append(customer)
            left -= best.cost_eur
    return chosen
