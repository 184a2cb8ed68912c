"""A counterfactual in words, in French and English: “with one fewer complaint in 90 days, Medium instead of High”."""

from __future__ import annotations

from vigie_scoring.columns import number_of
from vigie_scoring.counterfactual import Change, Counterfactual
from vigie_scoring.scorer import ScoredFeature, Scorer
from vigie_scoring.words import COUNTS, describe

LEVELS = {
    "en": {"High": "High", "Medium": "Medium", "Low": "Low"},
    "fr": {"High": "Élevé", "Medium": "Moyen", "Low": "Faible"},
}
ONE = {"en": ("One ",), "fr": ("Un ", "Une ")}
NONE_FOUND = {
    "en": "No change of one or two facts would have led to a lower segment.",
    "fr": "Aucun changement d’un ou deux faits n’aurait conduit à un segment inférieur.",
}
LOWEST = {
    "en": "The segment is already the lowest.",
    "fr": "Le segment est déjà le plus bas.",
}


def say_counterfactual(scorer: Scorer, found: Counterfactual, language: str) -> str:
    """One sentence; languages other than French read English."""
    language = language if language in LEVELS else "en"
    features = {f.name: f for f in scorer.features}
    said = (" et " if language == "fr" else " and ").join(
        _say_change(features[c.feature], c, language) for c in found.changes
    )
    low, high = (LEVELS[language][s] for s in (found.segment, found.segment_before))
    if language == "fr":
        return f"Avec {said}, {low} au lieu {'d’' if high[0] in 'ÉE' else 'de '}{high}."
    return f"With {said}, {low} instead of {high}."


def _say_change(feature: ScoredFeature, change: Change, language: str) -> str:
    return _say_count(feature, change, language) or _say_facts(feature, change, language)


def _say_count(feature: ScoredFeature, change: Change, language: str) -> str:
    """How many more or fewer, where the contract's words begin with a count; else nothing."""
    said = feature.words.get(language) or {}
    before, after = number_of(change.before), number_of(change.after)
    if feature.type != "integer" or before is None or after is None or not said.get("many", "").startswith("{Count} "):
        return ""
    by = abs(int(after - before))
    if by == 0 or by != abs(after - before) or (by == 1 and not said.get("one", "").startswith(ONE[language])):
        return ""
    fact = describe(feature, by, language)
    count, rest = fact.split(" ", 1)
    count = count.lower() if by < len(COUNTS[language]) else count
    if language == "fr":
        # The period stands last: deux réclamations de moins en 90 jours.
        noun, period, days = rest.partition(" en ")
        return f"{count} {noun} {'de moins' if after < before else 'de plus'}{period}{days}"
    return f"{count} {'fewer' if after < before else 'more'} {rest}"


def _say_facts(feature: ScoredFeature, change: Change, language: str) -> str:
    """The one fact instead of the other, each as the drivers say it; in full where rounding makes them the same."""
    after, before = (describe(feature, v, language) for v in (change.after, change.before))
    if after == before:
        after, before = f"{after} ({change.after})", f"{before} ({change.before})"
    if language == "fr":
        return f"«\u00a0{after}\u00a0» au lieu de «\u00a0{before}\u00a0»"
    return f"“{after}” instead of “{before}”"
