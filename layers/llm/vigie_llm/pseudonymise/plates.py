"""French and British number plates."""

import re

from vigie_llm.pseudonymise.spans import CONTEXT, SHAPED, Found
from vigie_llm.text.folding import FoldedText, has_digit
from vigie_llm.text.lexicon import words

_L = "[a-hj-np-tv-z]"
_FRENCH = re.compile(rf"(?<![\w\-])({_L}{{2}})([ \-.]?)(\d{{3}})([ \-.]?)({_L}{{2}})(?![\w\-])")
_FRENCH_OLD = re.compile(r"(?<![\w\-])\d{1,4}[ \-]?[a-z]{2,3}[ \-]?(?:\d{2,3}|2[ab])(?![\w\-])")
_BRITISH = re.compile(r"(?<![\w\-])([a-z]{2}\d{2})([ \-]?)([a-z]{3})(?![\w\-])")
_BRITISH_OLD = re.compile(r"(?<![\w\-])(?:[a-z]\d{1,3} ?[a-z]{3}|[a-z]{3} ?\d{1,3}[a-z])(?![\w\-])")
_VEHICLE = re.compile(
    r"\b(?:vehicules?|voitures?|auto|autos|autopartage|moto|scooter|plaques?|immatricul\w*|immat|camion\w*|"
    r"fourgon\w*|utilitaire|car|cars|van|bike|motorbike|motorcycle|plates?|reg|registration|registered|"
    r"vehicle|lorry"
    r"|peugeot|renault|citroen|dacia|clio|megane|twingo|208|308|kangoo|ford|fiesta|focus|corsa|vauxhall|"
    r"golf|polo|audi|bmw|mercedes|toyota|yaris|nissan|qashqai|mini|fiat|tesla|kia|hyundai|skoda|seat|volvo|"
    r"opel|volkswagen|vw|honda|part exchange|part-ex|reprise|logbook|v5c?|mot|named driver|driver|conducteur|"
    r"garage|breakdown|depannage|sinistre|accident|assurance auto|motor)\b"
)
_VEHICLE_BEFORE = re.compile(_VEHICLE.pattern + r"[ :,(n°]{1,6}$")
_WORDS = words(
    "de du le la les des et en me te se ne ce ma ta sa mes ses tes ca si be by at my pm am re eh as an he we"
)


# In a message about insurance, tolls or vehicles "7734 WX 13" needs no word beside it.
_OLD_SURE = re.compile(r"\d{2,4} [A-Z]{2,3} (?:\d{2}|2[AB])|[A-Z]\d{2,3} ?[A-Z]{3}|[A-Z]{3} ?\d{2,3}[A-Z]")
_TOPIC = re.compile(
    _VEHICLE.pattern
    + r"|\b(?:assur\w+|insur\w+|peage|toll|stationnement|parking|amende|bris de glace|windscreen|claim)\b"
    rf"|(?<![\w\-]){_L}{{2}}-\d{{3}}-{_L}{{2}}(?![\w\-])"
)
_NOT_LETTERS = words("eur gbp usd chf bis ter mai may jan feb mar apr jun jul aug sep oct nov dec km cv pel cel ldd")


def find_plates(view: FoldedText) -> list[Found]:
    """Plates by their shape; in lower case or the old series, only near a word for a vehicle."""
    if not has_digit(view.low):
        return []
    found = [Found(*m.span(), "PLATE", SHAPED) for m in _FRENCH.finditer(view.low) if _is_french(view, m)]
    found += [Found(*m.span(), "PLATE", SHAPED) for m in _BRITISH.finditer(view.low) if _is_clear(view, m)]
    for pattern in (_FRENCH_OLD, _BRITISH_OLD):
        found += [Found(*m.span(), "PLATE", CONTEXT - 8) for m in pattern.finditer(view.low) if _is_old(view, m)]
    return found


def _is_french(view: FoldedText, match: re.Match[str]) -> bool:
    first, second = match[1], match[5]
    if first in _WORDS or second in _WORDS:
        return _near_vehicle(view.low, match) and match[2] == match[4] and match[2] != " "
    return _is_clear(view, match) or not (match[2] or match[4])


def _is_clear(view: FoldedText, match: re.Match[str]) -> bool:
    surface = view.clean[match.start() : match.end()]
    return surface == surface.upper() or _near_vehicle(view.low, match)


def _is_old(view: FoldedText, match: re.Match[str]) -> bool:
    surface = view.clean[match.start() : match.end()]
    if _OLD_SURE.fullmatch(surface) and not _NOT_LETTERS & set(surface.lower().split()) and _TOPIC.search(view.low):
        return True
    if surface == surface.lower() and re.fullmatch(r"[a-z]\d{2,3}[a-z]{3}", surface):
        return _near_vehicle(view.low, match)
    return surface == surface.upper() and bool(
        re.search(
            r"\b(?:immatricul\w*|plaques?|plates?|reg|registration|registered)\b",
            view.low[max(0, match.start() - 40) : match.end() + 20],
        )
        or _VEHICLE_BEFORE.search(view.low[max(0, match.start() - 30) : match.start()])
    )


def _near_vehicle(low: str, match: re.Match[str]) -> bool:
    return bool(_VEHICLE.search(low[max(0, match.start() - 60) : match.end() + 40]))
