"""Whether a campaign works: treated against held-out customers, or that the numbers cannot tell yet."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard import campaign_queries, markup
from dashboard.markup import Html
from dashboard.view import View
from vigie.lift import HARMS, SAVES, TOO_FEW, Cell, Effect, measure


def lift_panel(view: View, campaign: str) -> Html:
    """The lift overall in a sentence, by segment and by offer in tables; a sentence where no outcome is recorded."""
    words = view.words
    cells = [Cell.from_row(row) for row in campaign_queries.arm_outcomes(view.db, campaign)]
    if not any(cell.with_outcome for cell in cells):
        return markup.panel(words("lift.title"), markup.prose(words("lift.no_outcome")))
    lift = measure(cells)
    segments = {words.name_of("segment", segment): effect for segment, effect in lift.segments.items()}
    titles = {row["offer_id"]: row[f"title_{words.language}"] for row in campaign_queries.offer_titles(view.db)}
    offers = {titles.get(offer, offer): effect for offer, effect in lift.offers.items()}
    cause = markup.tag("p", words("lift.causal" if lift.causal_offers else "lift.not_causal"), css="muted")
    return markup.panel(
        words("lift.title"), markup.tag("p", say_effect(view, lift.overall)),
        _table(view, "lift.by_segment", segments), _table(view, "lift.by_offer", offers), cause,
        note=words("lift.note"),
    )  # fmt: skip


def say_effect(view: View, effect: Effect) -> str:
    """What a comparison says, in a sentence."""
    words, number = view.words, view.formats.number
    more = words("lift.more", n=number(max(effect.more, 1))) if effect.more is not None else words("lift.no_number")
    if effect.verdict == TOO_FEW:
        return words("lift.too_few", more=more)
    shown = {key: _points(view, share) for key, share in
             (("estimate", effect.estimate), ("low", effect.low), ("high", effect.high))}  # fmt: skip
    if effect.verdict in (SAVES, HARMS):
        return words("lift.saves" if effect.verdict == SAVES else "lift.harms", **shown)
    return words("lift.cannot_tell", more=more, **shown)


def _table(view: View, title: str, effects: Mapping[str, Effect]) -> Html:
    words, number = view.words, view.formats.number
    heads = [words(f"lift.{key}") for key in ("group", "treated", "held_out", "estimate", "interval", "per_saved")]
    rows = [
        [name, number(effect.treated), number(effect.held_out), _points(view, effect.estimate),
         "" if effect.low is None else f"{_points(view, effect.low)} … {_points(view, effect.high)}",
         _each(view, effect)]
        for name, effect in effects.items()
    ]  # fmt: skip
    heading = markup.tag("h3", words(title))
    return markup.join((heading, markup.table(words(title), heads, rows, right=[1, 2, 3, 4, 5])))


def _points(view: View, share: float | None) -> str:
    """A share in percentage points, with its sign and a tenth."""
    if share is None:
        return ""
    return ("+" if share > 0 else "") + view.formats.number(100 * share, 1)


def _each(view: View, effect: Effect) -> str:
    each = effect.cost_per_saved_eur[1] if effect.cost_per_saved_eur else None
    return "" if each is None else str(view.formats.euros(each))
