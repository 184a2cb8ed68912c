"""Numbers that identify: IBAN, card, social security, phone, account, customer and contract."""

import re

from vigie_llm.pseudonymise.phones import find_phones, find_spoken_phones, is_amount
from vigie_llm.pseudonymise.spans import CONTEXT, SHAPED, VALIDATED, Found
from vigie_llm.text import validation
from vigie_llm.text.folding import FoldedText, has_digit
from vigie_llm.text.spelled import Skeleton

# Ahead only: "in 0572 ... GB25 XQCB ..." must not hide the IBAN behind a false start.
_IBAN = re.compile(r"(?<![a-z0-9])(?=([a-z]{2}) ?[.\-]?(\d{2})((?:[ .\-_/\t]{0,3}[a-z0-9]){10,34}))")
_RIB = re.compile(r"(?<!\d)\d{5}[ .\-/]?\d{5}[ .\-/]?[\da-z]{11}[ .\-/]?(?:cle )?\d{2}(?![a-z0-9])")
_CARD = re.compile(r"(?<![\da-z])(?:\d[ .\-_/]{0,2}){12,18}\d(?![a-z0-9])")
_FOUR_FOURS = re.compile(r"\d{4}([ .\-_/]{0,2})\d{4}\1\d{4}\1\d{4}(?!\d)")
_MASKED_CARD = re.compile(
    r"(?<![\w])(?:\d{4}[ \-]?(?:\d{2})?)?(?:[*x•#●]{2,4}[ \-]?){1,4}(?:[*x•#●]{2,12}[ \-]?)?\d{2,4}(?!\w)"
    r"|(?<![\w*])\*{1,12} ?\d{4}(?!\w)"
)
_NIR = re.compile(
    r"(?<![\da-z])([12378])[ .\-/]?(\d{2})[ .\-/]?(0[1-9]|1[0-2]|[2-9]\d)[ .\-/]?(\d{2}|2[ab])[ .\-/]?(\d{3})["
    r" .\-/]?(\d{3})"
    r"(?:[ .\-,]*(?:cle ?:? ?|/ ?)?(\d{2})| ?\((?:cle ?:? ?)?\d{2}\))?(?![\da-z])"
)
_NIR_WORDS = re.compile(
    r"\b(?:secu|securite sociale|social security|nir|insee|assure[es]?|vitale|cpam|n° ?ss|nss|ss|immatriculation)\b"
)
_NINO = re.compile(
    r"(?<![a-z0-9])(?:qq|(?!bg|gb|nk|kn|tn|nt|"
    r"zz)[a-ceghj-prtw-z][a-ceghj-nprtw-z])[ \-]?\d{2}[ \-]?\d{2}[ \-]?\d{2}[ "
    r"\-]?[a-d](?![a-z0-9])"
)
_IDENTITY_PAPER = re.compile(
    r"\b(?:passe?port|carte (?:nationale )?d'identite|cni|titre de sejour|driving licen[cs]e|permis(?: "
    r"de conduire)?|nhs|"
    r"nino|national insurance|ni|numero fiscal|utr|ssn)(?: (?:number|no|num|numero|n|is|est|card|:))*[ "
    r":.n°o#(]{0,5}([a-z]{0,5}[ ]?\d[\da-z ]{5,16}\d[a-z]{0,3}|\d[a-z\d]{7,14})(?![a-z0-9])"
)
_ENDING = re.compile(
    r"\b(?:ending(?: in| with| by)?|ends?(?: in| with)?|finishing(?: in| with)?|last (?:four|4)(?: digits?)?(?"
    r": (?:are|is|of))?"
    r"|(?:se |qui se |qui )?(?:terminant|termine|finissant|finit|finis?e?|finissent|fini[st]sant)(?: par|"
    r" en)|termine[ee]?s? (?:par|en)|finissant (?:par|en)"
    r"|(?:quatre|4) derniers?(?: chiffres?)?|derniers? chiffres?(?: sont| :)?|fin)"
    r"(?: (?:digits|chiffres|numeros|number|the digits|les chiffres))?(?: in| by| par| en| are| is| sont|"
    r" de ma carte| of my card)?[ :(*.\-x#]{1,6}(\d{4}|\d{2}[ ]\d{2}|\d{3})(?![\d]|[.,]\d| ?(?:eur|€|£|"
    r"%))"
)
_LAST_FOUR_AFTER = re.compile(
    r"(?<!\d)(\d{4})(?= ?\)?,? ?(?:being|are|sont|comme|as)? ?(?:the |les |my |mes )?(?:last (?:four|4)|(?:quatre|"
    r"4) derniers))"
)
_CARD_WORDS = re.compile(
    r"\b(?:card|carte|cb|visa|mastercard|amex|american express|debit|credit card|maestro|carte bleue)\b"
)
_CARD_SHORT = re.compile(
    r"\b(?:card|carte(?: bancaire| bleue| visa| gold)?|cb|visa|mastercard)(?: (?:number|no|n|numero|num))? "
    r"?(?:[*x•#.]{1,12}|n°|no\.?|#|\.\.\.) ?(\d{4})(?![\d/]|[.,]\d)"
)
_PIN = re.compile(
    r"\b(?:cvv|cvc|cvv2|cryptogramme|code pin|pin code|pin)(?: (?:is|est|:|number))*[ :]{1,3}(\d{3,4})(?!\d)"
)
_ACCOUNT_WORDS = (
    r"comptes?(?: (?:courant|joint|cheques?|pro|epargne|titres|bancaire))?|cpte|account(?: number)?|accts?|acc|a/c|ac"
    r"|clients?|cliente|customer(?: number| ref| id)?|client (?:number|id)|cust(?:omer)?|contrats?|contract|agreement"
    r"|prets?(?: (?:immo|immobilier|auto|perso|personnel|conso|etudiant))?|loan(?: (?:agreement|contract|"
    r"account))?|credit(?: (?:auto|immo|immobilier|conso|renouvelable))?"
    r"|mortgage|livret(?: a)?|pel|ldds?|rib|policy|police|adherent|societaire|membership|member|identifiant|"
    r"id client|user ?id|crn|roll|dossier de (?:pret|credit)"
)
_ACCOUNT = re.compile(
    rf"\b(?:{_ACCOUNT_WORDS})\b"
    r"(?P<between>(?:[ :.,(#=/\-]|\b(?:n|no|nr|num|numero|number|nos|ref|reference|is|est|le|the|it's|"
    r"c'est|client|customer|compte|account|contrat|contract|de|du|of|my|mon|a savoir|id|numeros?|suivant|"
    r"porte|est le|under|with|sous|portant|bancaire|joint|courant|epargne|pret|loan|immo|auto)\b|°){0,14})"
    r"(?P<value>(?:[a-z]{1,4}[ \-/]?)?\d(?:[ .\-/]?\d|[a-z](?![a-z'])|[ .\-/]?[a-z]{1,2}(?=[\-/]?\d)"
    r"|[\-/][a-z]{3,5}(?=[\-/]\d)){3,21})(?!["
    r"\da-z%€£$]|[.,]\d| ?(?:eur|euros?|pounds|gbp|€|£|%|\$|ans\b|years|k\b))"
)
# "contrat obseques n° OB-77120-443", "Mortgage redemption wrong. Ref MTG/208841/07": a word or more between.
_VALUE = (
    r"(?P<value>(?:[a-z]{1,5}[ \-/.]?)?\d[\da-z]*(?:(?:[\-/.][a-z]{1,5})?[ \-/.][\da-z]*\d[\da-z]*){0,5}"
    r"(?:[\-/][a-z]{1,3})?)"
    r"(?![\w%€£$]|[.,]\d)"
)
_NUMBERED_ACCOUNT = re.compile(
    rf"\b(?:{_ACCOUNT_WORDS})\b(?: [a-z'\-]+){{1,3}},? (?:n ?°|no\b\.?|n\.|numero|number|num\b\.?) ?:? ?{_VALUE}"
)
_CONTRACT_REF = re.compile(
    r"\b(?:contrats?|contract|agreement|prets?|loan|credit|mortgage|policy|police)\b[^\n]{0,60}?"
    r"\b(?:ref|reference|n°)[ .:]{1,2}" + _VALUE
)
# A file of this customer's: "dossier sinistre SN-2291-0087", "case no. 7781-0024-B".
_FILE = re.compile(
    r"\b(?:dossier|sinistre|demande|reclamation|plainte|mandat|rum|incident|claim|case|application|complaint|enquiry|"
    r"request|dispute|litige|chargeback|policy|devis|quote|abonne|adhesion)\b(?: [a-z'\-]+){0,2}?[ ,]{0,2}"
    r"(?:\b(?:n ?°|no\b\.?|n\.|nr\b\.?|numero|number|num\b\.?|ref\b\.?|reference|id\b)|#)? ?"
    r"(?:is |est )?[:#]? ?" + _VALUE
)
_REF = re.compile(
    r"\b(?:(?:ref|reference|n/ref|v/ref)\b\.?(?: (?:(?:du|de la|de l'|of the|of) ?)?(?:operation|dossier|client|"
    r"number|transaction|"
    r"payment|virement))?"
    r"|(?:numero|number)\b(?= [a-z]{2,5}[ \-]?\d))[ .:]{0,3}(?:n ?° ?|no\.? )?" + _VALUE
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_SORT_CODE = re.compile(r"(?:\bsort ?code|\bs/?c)\b[ :.(a-z]{0,8}(\d{2}[ \-–.]?\d{2}[ \-–.]?\d{2})(?!\d)")
_SORT_AND_ACCOUNT = re.compile(
    r"(?<![\d\-])(\d{2}-\d{2}-\d{2})(?:[ ,/]{1,3}|[ ,]*(?:and |a/c |acc(?:ount|t)? ?(?:no\.?|number)? ?:? "
    r"?))(\d{8})(?!\d)"
)
_BARE = re.compile(r"(?<![\w.,/\-#£€$])\d{8,14}(?![\w%€£$]|[.,/\-]\d| ?(?:eur|euros?|€|£))")
_NOT_MINE = re.compile(
    r"(?:\bref\b|\breference\b|\btarif|\bbrochure|\bleaflet|\bfiche|\bsiret|\bsiren|\bform\b|\bformulaire|"
    r"\bticket|\barticle|\bversion|\bv\b|\bcolis|\btracking|\bsuivi)[^\n.;]{0,12}$"
)


def find_numbers(view: FoldedText, digits: Skeleton, language: str) -> list[Found]:
    """Every identifying number that the text writes in digits or, for phones, partly in words."""
    low = view.low
    found: list[Found] = []
    if has_digit(low):
        found += _ibans(low)
        found += _cards(low)
        found += _national_ids(low)
        found += find_phones(low, language)
        found += _accounts(low)
    found += find_spoken_phones(low, digits)
    return found


def _ibans(low: str) -> list[Found]:
    found = [f for m in _IBAN.finditer(low) if (f := _iban_in(low, m)) is not None]
    found += [Found(*m.span(), "ACCOUNT_NUMBER", SHAPED + 5) for m in _RIB.finditer(low)]
    return found


def _iban_in(low: str, match: re.Match[str]) -> Found | None:
    """The IBAN at the match's start, cut to its country's length."""
    length = validation.iban_length(match[1])
    if length is None:
        return None
    position, count = match.start(), 0
    while position < match.end(3) and count < length:
        count += low[position].isalnum()
        position += 1
    if count < length:
        return None
    valid = validation.is_iban(low[match.start() : position])
    clean_end = position >= len(low) or not low[position].isalnum()
    if not valid and not (clean_end and _looks_like_iban(low, match, position)):
        return None
    return Found(match.start(), position, "IBAN", VALIDATED + 5 if valid else SHAPED)


def _looks_like_iban(low: str, match: re.Match[str], end: int) -> bool:
    """Mistyped, but digits where its country has digits, or announced as an IBAN."""
    number = validation.compact(low[match.start() : end]).lower()
    if match[1] in {"fr", "gb"}:
        return bool(re.fullmatch(r"fr\d{12}[\da-z]{11}\d{2}|gb\d{2}[a-z]{4}\d{14}", number))
    return (
        "iban" in low[max(0, match.start() - 30) : match.start()]
        and sum(c.isdigit() for c in number) > len(number) // 2
    )


def _cards(low: str) -> list[Found]:
    found: list[Found] = []
    for m in _CARD.finditer(low):
        number = validation.compact(m.group())
        grouped = bool(re.fullmatch(r"\d{4}([ .\-_/]{1,2})\d{4}\1\d{4}\1\d{4}", m.group()))
        if number[0] in "23456" and validation.is_luhn(number):
            found.append(Found(*m.span(), "CARD", VALIDATED))
        elif grouped or (len(number) == 16 and _CARD_WORDS.search(low[max(0, m.start() - 40) : m.start()])):
            found.append(Found(*m.span(), "CARD", SHAPED))
        elif (first := _FOUR_FOURS.match(low, m.start())) and validation.is_luhn(validation.compact(first.group())):
            found.append(Found(*first.span(), "CARD", VALIDATED))
    found += [Found(*m.span(), "CARD", SHAPED) for m in _MASKED_CARD.finditer(low) if _is_masked_card(low, m)]
    for pattern in (_ENDING, _LAST_FOUR_AFTER):
        found += [_last_four(low, m) for m in pattern.finditer(low) if not _is_year_only(low, m)]
    found += [Found(*m.span(1), "CARD", CONTEXT) for m in _CARD_SHORT.finditer(low)]
    found += [Found(*m.span(1), "CARD", CONTEXT) for m in _PIN.finditer(low)]
    return found


def _is_masked_card(low: str, match: re.Match[str]) -> bool:
    return sum(c in "*x•#●" for c in match.group()) >= 2 or bool(
        _CARD_WORDS.search(low[max(0, match.start() - 30) : match.start()])
    )


def _last_four(low: str, match: re.Match[str]) -> Found:
    """Last digits belong to what was named last: a card, an account or a phone."""
    before = low[max(0, match.start() - 45) : match.start()]
    words = re.findall(
        r"\b(card|carte|cb|visa|mastercard|compte|account|iban|rib|livret|phone|mobile|portable|telephone|"
        r"tel|numero de tel)\b",
        before,
    )
    last = words[-1] if words else "card"
    label = {
        "compte": "ACCOUNT_NUMBER",
        "account": "ACCOUNT_NUMBER",
        "livret": "ACCOUNT_NUMBER",
        "iban": "IBAN",
        "rib": "IBAN",
    }.get(last)
    if label is None:
        label = "PHONE" if last in {"phone", "mobile", "portable", "telephone", "tel", "numero de tel"} else "CARD"
    return Found(*match.span(1), label, CONTEXT)


def _is_year_only(low: str, match: re.Match[str]) -> bool:
    """ "the year ending 2024" is no card."""
    looks_a_year = match[1][:2] in {"19", "20"}
    return (looks_a_year or match.group().startswith("fin")) and not _CARD_WORDS.search(
        low[max(0, match.start() - 45) : match.end() + 30]
    )


def _national_ids(low: str) -> list[Found]:
    found: list[Found] = []
    for m in _NIR.finditer(low):
        number = validation.compact(re.sub(r"cle", "", m.group()))
        named = _NIR_WORDS.search(low[max(0, m.start() - 60) : m.end() + 30])
        if len(number) == 15 and validation.is_nir(number):
            found.append(Found(*m.span(), "NATIONAL_ID", VALIDATED + 2))
        elif named or len(number) == 15:
            found.append(Found(*m.span(), "NATIONAL_ID", SHAPED + 5))
    found += [Found(*m.span(), "NATIONAL_ID", SHAPED) for m in _NINO.finditer(low)]
    found += [Found(*m.span(1), "NATIONAL_ID", SHAPED) for m in _IDENTITY_PAPER.finditer(low)]
    return found


def _accounts(low: str) -> list[Found]:
    found: list[Found] = []
    for m in _ACCOUNT.finditer(low):
        start, end = m.span("value")
        if _is_account(low, m.start(), start, end):
            # "compte n° 0183 5529 047" is said to be an account, whatever phones look like.
            rank = SHAPED + 4 if _NUMBERED.search(m["between"]) else CONTEXT
            found.append(Found(start, end, "ACCOUNT_NUMBER", rank))
    for m in (*_NUMBERED_ACCOUNT.finditer(low), *_CONTRACT_REF.finditer(low)):
        start, end = m.span("value")
        if _is_account(low, m.start(), start, end) and not _PAPER.search(m.group()):
            found.append(Found(start, end, "ACCOUNT_NUMBER", CONTEXT))
    for m in (*_FILE.finditer(low), *_REF.finditer(low)):
        if _is_file(low, m):
            found.append(Found(*m.span("value"), "ACCOUNT_NUMBER", CONTEXT - 4))
    found += [Found(*m.span(1), "ACCOUNT_NUMBER", SHAPED + 3) for m in _SORT_CODE.finditer(low)]
    for m in _SORT_AND_ACCOUNT.finditer(low):
        spans = [m.span()] if re.fullmatch(r"[ ,/]+", low[m.end(1) : m.start(2)]) else [m.span(1), m.span(2)]
        found += [Found(*span, "ACCOUNT_NUMBER", SHAPED + 3) for span in spans]
    for m in _BARE.finditer(low):
        if not _NOT_MINE.search(low[max(0, m.start() - 25) : m.start()]) and not is_amount(low, *m.span()):
            found.append(Found(*m.span(), "ACCOUNT_NUMBER", CONTEXT - 5))
    return found


_DATE_SHAPE = re.compile(
    r"\d{1,2}[ ./\-]\d{1,2}[ ./\-](?:\d{4}|\d{2})|\d{4}-\d{2}-\d{2}|(?:19|20)\d{2}(?:[ /\-](?:19|20)?\d{2})?"
)


_PAPER = re.compile(
    r"\b(?:tarif|tariff|brochure|leaflet|depliant|fiche|form|formulaire|guide|plaquette|page|booklet)\w*"
)
_NUMBERED = re.compile(r"\b(?:n|no|nr|num|numero|number)\b|°")


def _is_file(low: str, match: re.Match[str]) -> bool:
    """Whether five digits next to a year are an identifier: no amount, no date, no common document."""
    value = match["value"]
    digits = sum(c.isdigit() for c in _YEAR.sub("", value))
    if digits < 5 or _DATE_SHAPE.fullmatch(value) or is_amount(low, *match.span("value")):
        return False
    around = re.split(r"[.!?\n] ", low[max(0, match.start() - 80) : match.start()])[-1] + match.group()
    return not (_PAPER.search(around) or re.search(r"\b(?:letter|courrier|lettre|e?mail|circulaire|terms)\b", around))


def _is_account(low: str, announced: int, start: int, end: int) -> bool:
    """`announced` is where the word for an account stands: "loan ref" is one, "brochure ref" is not."""
    value = low[start:end]
    count = sum(c.isdigit() for c in value)
    if count < 5 or _DATE_SHAPE.fullmatch(value):
        return False
    return not (is_amount(low, start, end) or _NOT_MINE.search(low[max(0, announced - 25) : announced]))
