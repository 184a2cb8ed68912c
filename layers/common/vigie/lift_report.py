"""A campaign's lift as an operator reads it: lines of text, or JSON with the same figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vigie.confidence_sequence import ALPHA
from vigie.lift import CANNOT_TELL, HARMS, SAVES, TOO_FEW, Cell, Effect, Lift, measure, strata_of
from vigie.save_rates import SaveRate, update
from vigie.uplift import Uplift, measure_uplift

SECOND_HAND = (
    "not causal: what arbitration would have offered to the held-out is not known, so each offer is compared with all"
    " of them in the same segment"
)


@dataclass(frozen=True)
class Report:
    """What a campaign's outcomes say; `withdrawn` customers count in no figure."""

    campaign: str
    lift: Lift
    rates: Sequence[SaveRate]
    uplift: Uplift | None
    withdrawn: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        rates = [{**asdict(rate), "source": rate.source} for rate in self.rates]
        carried = self.uplift is not None and self.uplift.is_carried
        return {
            "campaign": self.campaign,
            "level": 1 - ALPHA,
            **asdict(self.lift),
            "save_rates": rates,
            "uplift": {**asdict(self.uplift), "is_carried": carried} if self.uplift else None,
            "left_out": self.withdrawn,
        }

    def lines(self) -> list[str]:
        """Return it as text."""
        lift = self.lift
        shown = self.uplift.effects if self.uplift and self.uplift.is_carried else {}
        return [
            f"campaign {self.campaign}, customers with an outcome: {lift.overall.treated:,} treated,"
            f" {lift.overall.held_out:,} held out",
            verdict_line(lift.overall),
            *_money_lines(lift.overall),
            *lift.notes,
            *(
                [f"{self.withdrawn:,} customers are in no figure: segment erased, or arm changed"]
                if self.withdrawn
                else []
            ),
            "",
            *_table("by segment", lift.segments, shown),
            f"  {self._uplift_line()}",
            "",
            *_table("by offer that arbitration put first", lift.offers, {}),
            f"  {'causal: the same offers, drawn arms' if lift.causal_offers else SECOND_HAND}",
            "",
            *_rate_lines(self.rates),
        ]

    def _uplift_line(self) -> str:
        if self.uplift is None:
            return "who is moved by an offer: fewer than two segments have outcomes enough to say"
        if self.uplift.is_carried:
            return "uplift: who is moved by an offer, drawn towards one effect for all, which it foretells better than"
        return (
            "who is moved by an offer: the numbers carry one effect for all only; by segment nothing would be foretold"
            f" better (gain {self.uplift.gain:.4f}, standard error {self.uplift.error:.4f})"
        )


def report(campaign: str, cells: Iterable[Cell], assumed: Mapping[str, float]) -> Report:
    """Measure everything; `assumed` are the catalogue's save rates by offer."""
    cells = list(cells)
    lift = measure(cells)
    known = [cell for cell in cells if cell.segment is not None]
    withdrawn = sum(cell.members for cell in cells if cell.segment is None)
    return Report(campaign, lift, update(cells, lift, assumed), measure_uplift(strata_of(known)), withdrawn)


def verdict_line(effect: Effect) -> str:
    """Return what a comparison says in one sentence."""
    if effect.verdict == TOO_FEW:
        return f"cannot tell yet: {_more(effect, 'before anything can be said')}"
    shown = f"{points(effect.estimate)} points, {points(effect.low)} to {points(effect.high)} (95 %, at every look)"
    if effect.verdict in (SAVES, HARMS):
        return f"{'more' if effect.verdict == SAVES else 'fewer'} of the treated stayed: {shown}"
    looked_for = "" if effect.looked_for is None else f"to see a lift of {points(effect.looked_for)} points"
    return f"cannot tell yet: {shown}; {_more(effect, looked_for)}"


def points(share: float | None) -> str:
    """Return a share in percentage points."""
    return "" if share is None else f"{100 * share:+.1f}"


def _more(effect: Effect, why: str) -> str:
    if effect.more is None:
        return f"no number of customers can be named {why}".rstrip()
    return f"about {max(effect.more, 1):,} more customers with an outcome are needed {why}".rstrip()


def _money_lines(effect: Effect) -> list[str]:
    if effect.saved is None:
        return []
    low, middle, high = effect.saved
    saved = f"customers saved: {middle:,.0f} ({low:,.0f} to {high:,.0f})"
    if effect.cost_per_saved_eur is None:
        return [f"{saved}; nothing was spent on those with an outcome"]
    least, each, most = effect.cost_per_saved_eur
    ends = f"{_euros(least) or 'no lower end'} to {_euros(most) or 'no upper end'}"
    return [f"{saved}; {_euros(effect.cost_eur)} spent, {_euros(each) or 'nobody seems saved'} for each ({ends})"]


def _euros(amount: float | None) -> str:
    return "" if amount is None else f"€{amount:,.0f}"


def _table(title: str, effects: Mapping[str, Effect], uplift: Mapping[str, float]) -> list[str]:
    head = f"  {title:<36} {'treated':>8} {'held out':>8} {'lift':>6} {'from':>6} {'to':>6} {'€/saved':>8}"
    head += f" {'uplift':>7}" if uplift else ""
    return [head, *(_row(name, effect, uplift.get(name)) for name, effect in effects.items())]


def _row(name: str, effect: Effect, uplift: float | None) -> str:
    each = effect.cost_per_saved_eur[1] if effect.cost_per_saved_eur else None
    cells = f"{points(effect.estimate):>6} {points(effect.low):>6} {points(effect.high):>6} {_euros(each)[1:]:>8}"
    cells += f" {points(uplift):>7}" if uplift is not None else ""
    unclear = effect.verdict in (CANNOT_TELL, TOO_FEW)
    more = f"  {effect.more:,} more" if unclear and effect.more else "  cannot tell" if unclear else ""
    return f"  {name:<36} {effect.treated:>8,} {effect.held_out:>8,} {cells}{more}"


def _rate_lines(rates: Sequence[SaveRate]) -> list[str]:
    lines = [f"  {'save rates':<36} {'before':>7} {'measured':>8} {'after':>7} {'weight':>7}"]
    for rate in rates:
        measured = "" if rate.measured is None else f"{rate.measured:.3f}"
        lines.append(f"  {rate.offer_id:<36} {rate.before:>7.3f} {measured:>8} {rate.after:>7.3f} {rate.weight:>7.0%}")
    return lines
