"""The customer's own name: inverted, initials, short forms, run together, misspelt."""

import re

from vigie_llm.pseudonymise.name_forms import NameForms, edit_distance_at_most, kinds_of
from vigie_llm.pseudonymise.person_cues import CALENDAR, DETERMINERS, NOT_NAME
from vigie_llm.pseudonymise.spans import NAME_KNOWN, NAMED, Found
from vigie_llm.pseudonymise.surroundings import ends_message, is_product, is_shouting, starts_sentence
from vigie_llm.text.folding import FoldedText
from vigie_llm.text.lexicon import first_names, ordinary_words
from vigie_llm.text.spelled import Token

_NAMED_AFTER = re.compile(
    r"^[\"']?,? ?(?:c'est mon (?:pre)?nom|est mon (?:pre)?nom|is my (?:sur|last |first |family |maiden )?name|"
    r"that's me|by name|c'est moi|here(?! (?:is|are))|a l'appareil)\b"
)
# "the statement of another Ronald Martin": a namesake.
_ANOTHER = re.compile(r"\b(?:un autre|une autre|another|homonyme,?|namesake,?) $")
_CLOSE = re.compile(r"[ \t.'\-_]{0,3}")
_COMMA = re.compile(r" ?,[ _]{0,2}|\n")
_INTRODUCED = re.compile(
    r"(?:\b(?:je suis|je m'appelle|m'appellent?|call me|known as|c'est|moi|moi c'est|ici|signe|signed|"
    r"my name is|my name's|i'm|i am|"
    r"im|this is|it's|its|it is|name|nom|prenom|nomme[e]?|"
    r"mon nom|called|soussigne\w*|soussigne\(e\)|au nom de|in the name of|addressed to|adresse[e]?s? a|"
    r"cordialement|regards|sincerely|faithfully|thanks|cheers|merci|bien a vous|salutations|bises|love|"
    r"best|titulaire|holder|client|cliente|customer)[ ,:!.\n\-]{1,4})$"
)


def find_known_names(view: FoldedText, tokens: list[Token], forms: NameForms) -> list[Found]:
    """Runs of tokens that together name the customer."""
    if not forms.first and not forms.last:
        return []
    kinds = [kinds_of(t, view.clean, forms) if forms.may_be(t.text) else "" for t in tokens]
    _recognise_neighbours(view.clean, tokens, kinds, forms)
    _recognise_middle_initials(view.clean, tokens, kinds)
    _recognise_signature(view.clean, tokens, kinds)
    if not any(kinds):
        return []
    shouting = is_shouting(view.clean)
    found: list[Found] = []
    position = 0
    while position < len(tokens):
        if not kinds[position]:
            position += 1
            continue
        stop = _run_end(view.clean, tokens, kinds, position)
        found += _judge(view, tokens, kinds, position, stop, forms, shouting)
        position = stop
    return found


def _recognise_neighbours(clean: str, tokens: list[Token], kinds: list[str], forms: NameForms) -> None:
    """Beside one half of the name, a misspelt other half counts even cut or joined otherwise."""
    first, last = "".join(forms.first), "".join(forms.last)
    _recognise_pairs(clean, tokens, kinds, first, last)
    for i in [i for i, kind in enumerate(kinds) if kind[:1] in {"F", "f", "g", "n", "L", "l"}]:
        wanted, mark = (last, "l") if kinds[i][0] in "Ffgn" else (first, "f")
        if len(wanted) < 4:
            continue
        for window in _windows(clean, tokens, kinds, i):
            joined = "".join(tokens[j].text for j in window)
            ours = {*forms.first, *forms.last}
            usual = any(
                tokens[j].text in NOT_NAME and tokens[j].text not in ours and clean[tokens[j].start - 1].isspace()
                for j in window
            )
            strange = usual and joined != wanted
            near = edit_distance_at_most(joined, wanted, 2 if len(wanted) > 5 else 1)
            begins = kinds[i][0] in "FLl" and _begins_alike(clean, tokens, window, wanted)
            if not strange and (near or begins):
                sign = "g" if mark == "f" and joined != wanted and joined in first_names() else mark
                for j in window:
                    kinds[j] = kinds[j] if kinds[j][:1] in {"F", "L"} else sign
                break


def _recognise_middle_initials(clean: str, tokens: list[Token], kinds: list[str]) -> None:
    """ "A. J. Nairn": the bank need not know what the J is for."""
    for i in range(1, len(tokens) - 1):
        unknown = not kinds[i] and len(tokens[i].text) == 1 and clean[tokens[i].start].isupper()
        surname = kinds[i + 1] and any(kind[:1] in {"L", "l"} for kind in kinds[i + 1 : i + 3])
        if unknown and surname and set(kinds[i - 1]) & set("Ffni"):
            kinds[i] = "i"


def _recognise_signature(clean: str, tokens: list[Token], kinds: list[str]) -> None:
    """ "Mimi Abgrall" or "elif k" to end with: whatever stands there beside the own name belongs to it."""
    last = len(tokens) - 1
    if last < 1 or not ends_message(clean, tokens[last - 1].start, tokens[last].end):
        return
    before, after = kinds[last - 1], kinds[last]
    if (
        not before
        and after == "L"
        and clean[tokens[last - 1].start].isupper()
        and tokens[last - 1].text in first_names()
    ):
        kinds[last - 1] = "n"
    elif before[:1] == "F" and not after and len(tokens[last].text) == 1:
        kinds[last] = "j"


def _recognise_pairs(clean: str, tokens: list[Token], kinds: list[str], first: str, last: str) -> None:
    """Both halves misspelt side by side, or an initial before a badly misspelt surname: "L. Ashwood"."""
    near_last = {i for i, t in enumerate(tokens) if clean[t.start].isupper() and _is_roughly(t.text, last)}
    for i in sorted({before for b in near_last for before in (b - 1, b) if 0 <= before < len(tokens) - 1}):
        if not _CLOSE.fullmatch(clean[tokens[i].end : tokens[i + 1].start]):
            continue
        for a, b in ((i, i + 1), (i + 1, i)):
            if b in near_last and not kinds[b] and "i" in kinds[a]:
                kinds[b] = "l"
            elif b in near_last and not (kinds[a] or kinds[b]) and _is_roughly(tokens[a].text, first):
                kinds[a], kinds[b] = "f", "l"


def _begins_alike(clean: str, tokens: list[Token], window: range, wanted: str) -> bool:
    """ "Ines Magellan", written to Ines Magalhaes: one capitalised word with the surname's first letters."""
    word = tokens[window[0]].text
    capital = clean[tokens[window[0]].start].isupper()
    return len(window) == 1 and capital and len(word) > 3 and len(wanted) > 4 and word[:3] == wanted[:3]


def _is_roughly(word: str, own: str) -> bool:
    """Same three first letters, and no more than two changes (three in eight letters or more)."""
    if min(len(word), len(own)) < 5 or word[0] != own[0]:
        return False
    same_start = word[:4] == own[:4] and len(own) > 7
    return edit_distance_at_most(word, own, 3 if same_start else 2)


def _windows(clean: str, tokens: list[Token], kinds: list[str], i: int) -> list[range]:
    """Up to four tokens right before and right after i, nearest first; particles before i are passed over."""
    windows: list[range] = []
    stop = i + 1
    while stop < min(i + 5, len(tokens)) and _is_close(clean, tokens, stop):
        stop += 1
        windows.append(range(i + 1, stop))
    base = i
    while base > 0 and kinds[base - 1] == "p" and _is_close(clean, tokens, base):
        base -= 1
    start = base
    while start > max(0, base - 4) and _is_close(clean, tokens, start):
        start -= 1
        windows.append(range(start, base))
    return windows


def _is_close(clean: str, tokens: list[Token], i: int) -> bool:
    between = clean[tokens[i - 1].end : tokens[i].start]
    return bool(_CLOSE.fullmatch(between) or _COMMA.fullmatch(between))


def _run_end(clean: str, tokens: list[Token], kinds: list[str], start: int) -> int:
    stop = start + 1
    while stop < len(tokens) and kinds[stop]:
        between = clean[tokens[stop - 1].end : tokens[stop].start]
        if not _CLOSE.fullmatch(between) and not (_COMMA.fullmatch(between) and _completes(kinds, start, stop)):
            break
        stop += 1
    return stop


def _completes(kinds: list[str], start: int, stop: int) -> bool:
    """ "Bardet, Theo" is one name: the comma joins what was missing."""
    before = "".join(kinds[start:stop]).upper()
    return ("L" in before and not set("FG") & set(before) and kinds[stop][0] in "Ffgi") or (
        "F" in before and "L" not in before and kinds[stop][0] in "Ll"
    )


def _judge(
    view: FoldedText, tokens: list[Token], kinds: list[str], start: int, stop: int, forms: NameForms, shouting: bool
) -> list[Found]:
    start, stop = _trim(kinds, start, stop)
    if start >= stop:
        return []
    run = "".join(kinds[start:stop])
    span = (tokens[start].start, tokens[stop - 1].end)
    end = span[1] + (view.clean[span[1] : span[1] + 1] == "." and kinds[stop - 1] in {"i", "j", "ij"})
    has_first, has_last = any(c in run for c in "Ffgn"), any(c in run for c in "Ll")
    # Where the words around name a relative or an advisor, a sister Karima is not Karim.
    rank = NAMED + 7 if "g" in run and not any(c in run for c in "Ff") else NAME_KNOWN
    several = stop - start > 1
    initialled = (has_last and "i" in run) or (has_first and "j" in run)
    if several and has_first and has_last and _ANOTHER.search(view.low[max(0, span[0] - 14) : span[0]]):
        return [Found(span[0], end, "OTHER_NAME", NAME_KNOWN + 1)]
    if "W" in run or (several and ((has_first and has_last) or initialled)):
        return [_with_attached(view.clean, Found(span[0], end, "CUSTOMER_NAME", rank))]
    if _stands_alone(view, tokens, kinds, start, stop, forms, shouting):
        alone = Found(span[0], span[1], "CUSTOMER_NAME", NAMED + 4)
        return [_with_attached(view.clean, alone) if len(forms.first) > 1 and set(run) <= {"F"} else alone]
    return []


_BEFORE_HYPHEN = re.compile(r"[^\W_]+-$")
_AFTER_HYPHEN = re.compile(r"-[^\W\d_]+")


def _with_attached(clean: str, found: Found) -> Found:
    """The name with what a hyphen attaches to it: a misspelt half of a double name."""
    before = _BEFORE_HYPHEN.search(clean[max(0, found.start - 20) : found.start])
    after = _AFTER_HYPHEN.match(clean, found.end)
    start = found.start - len(before.group()) if before else found.start
    return Found(start, after.end() if after else found.end, found.label, found.rank)


def _trim(kinds: list[str], start: int, stop: int) -> tuple[int, int]:
    """Particles count only in front of the name they belong to; initials only next to a word."""
    while stop > start and kinds[stop - 1] == "p":
        stop -= 1
    while start < stop and kinds[start] == "p" and not _leads_to_core(kinds, start, stop):
        start += 1
    return start, stop


def _leads_to_core(kinds: list[str], start: int, stop: int) -> bool:
    while start < stop and kinds[start] == "p":
        start += 1
    return start < stop and kinds[start][0] in "Ll"


def _stands_alone(
    view: FoldedText, tokens: list[Token], kinds: list[str], start: int, stop: int, forms: NameForms, shouting: bool
) -> bool:
    """Whether a first name or a surname by itself means the customer."""
    run = "".join(kinds[start:stop])
    begin, end = tokens[start].start, tokens[stop - 1].end
    clean = view.clean
    main = [i for i in range(start, stop) if kinds[i][0] in "FLnfgl"]
    if not main:
        return _are_initials(clean, tokens, start, stop, forms)
    capital = clean[tokens[main[0]].start].isupper()
    introduced = bool(_INTRODUCED.search(view.low[max(0, begin - 30) : begin]))
    introduced = introduced or bool(_NAMED_AFTER.match(view.low[end : end + 24]))
    signed = ends_message(clean, begin, end)
    if is_product(clean, tokens, start, stop):
        return False
    exact = any(c in "FL" for c in run)
    words = [tokens[i].text for i in main]
    plain_word = all(w in ordinary_words() or w.removesuffix("s") in ordinary_words() or len(w) < 4 for w in words)
    if exact and not plain_word:
        return True
    if (introduced or signed) and (capital or (introduced and not plain_word)):
        return exact or not all(w in ordinary_words() for w in words)
    if not capital or shouting or starts_sentence(clean, begin):
        return False
    if plain_word and (words[0] in CALENDAR or (start > 0 and tokens[start - 1].text in DETERMINERS)):
        return False
    return exact or ("n" in run and not plain_word) or not (plain_word or any(w in first_names() for w in words))


def _are_initials(clean: str, tokens: list[Token], start: int, stop: int, forms: NameForms) -> bool:
    letters = "".join(t.text for t in tokens[start:stop])
    wanted = forms.first[0][:1] + forms.core[0][:1] if forms.first and forms.core else ""
    dotted = clean[tokens[start].end : tokens[start].end + 1] == "."
    return (
        len(wanted) == 2
        and letters in {wanted, wanted[::-1]}
        and dotted
        and ends_message(clean, tokens[start].start, tokens[stop - 1].end)
    )
