"""Postal addresses as French and British people write them."""

import re

from vigie_llm.pseudonymise.spans import CONTEXT, NAME_KNOWN, SHAPED, Found
from vigie_llm.text.folding import FoldedText, has_digit
from vigie_llm.text.lexicon import words

_FRENCH_TYPE = (
    r"rue|r\.|avenue|aven\.?|ave\.?|av\.?|boulevard|boul\.?|blvd|bld|bvd|bd\.?|place|pl\.?|chemin|chem\.?|"
    r"che\.?|ch\.|impasse|imp\.?|allees?|all\.?"
    r"|route|rte\.?|quai|cours|crs|square|sq\.?|passage|pass\.?|venelle|ruelle|faubourg|fbg|fg|sentier|"
    r"sente|esplanade|esp\.?|promenade|prom\.?"
    r"|residence|res\.?|lotissement|lot\.?|lieu-?dit|hameau|montee|traverse|villa|cite|cour|galerie|mail|"
    r"parvis|rond-point|voie|clos|domaine|cote"
    r"|rampe|chaussee|levee|carrefour|descente|digue|corniche|escaliers?|jardins?|terrasses?|port|pont|"
    r"ter|mas|coteau|berge|zac|za|zi|traboule|calade|drève|dreve|grand-rue|grande rue|grand rue"
)
_FRENCH = re.compile(
    rf"(?<![\w.,/€£\-])(?:n ?°? ?)?\d{{1,4}}(?: ?[-/] ?\d{{1,4}})?(?: ?(?:bis|ter|quater)\b| ?[a-d]\b(?!'))?,? "
    rf"(?:{_FRENCH_TYPE})(?![a-z])",
    re.IGNORECASE,
)
_FRENCH_PREFIX = re.compile(
    r"(?:(?:appartement|appart\.?|appt\.?|apt\.?|bat(?:iment)?\.?|esc(?:alier)?\.?|etage|residence|res\.?|"
    r"porte|chez|lot\.?|immeuble|imm\.?) [\w'\- ]{1,25}?,? ?(?:[-–] )?){1,3}$|(?:\d{1,2}(?:er|e|eme) etage,? "
    r"?)$",
    re.IGNORECASE,
)
# "chez ma tante Hadja au 18 rue ...": a person, then an address.
_STAYING_WITH = re.compile(
    r"chez (?:ma|mon|mes|sa|son|notre|nos|leur|des|un|une|m\.|mr|mme|monsieur|madame)\b", re.IGNORECASE
)
_FRENCH_PLACE = re.compile(
    r"(?<!\w)(?:(?i:lieu-?dit|hameau(?: de| du)?|bp|cs) [\w'\- ]{2,30}?,? (?:- )?"
    r"|(?:Le|La|Les|L'|Domaine|Ferme|Mas|Moulin|Chateau|Quartier|Village|Residence)[ ']{0,2}[A-Z][\w'\- ]{2,30}?, "
    r"|[A-Z][\w'\-]+(?: (?:de|du|des|la|le|les|d'|en|sur|[A-Z][\w'\-]+)){0,4}(?:, ?|\n| - ))"
    r"\d{5} [A-Z][\w'\-]+"
)
# "8 rue des Lilas blancs a Tourcoing": words in lower case that a town or a postcode follows.
_LOWER_BEFORE_TOWN = re.compile(r"(?: [a-z]{3,}){1,2}(?=(?: a | - |,? ?\n|, ?)(?:\d{5}\b|[A-Z][a-z]))")
# "Residence Les Flamboyants, appt 14, Le Port": a building's name and a door, without a street.
_FRENCH_DOOR = re.compile(
    r"(?<!\w)(?i:residence|res\.|immeuble|batiment|cite|hlm|foyer|tour) [A-Z\d][\w'\- ]{1,30}?"
    r"(?:, ?(?i:appartement|appt?|apt|bat(?:iment)?|porte|escalier|esc|entree|etage|hall|lot)\.? ?\w{1,4}){1,3}"
    r"(?:,? (?:a )?(?:\d{5} )?[A-Z][\w'\-]+(?:[ \-][A-Z][\w'\-]+){0,2})?"
)
_CONNECTORS = words("de du des la le les l d et a au aux en sur sous saint sainte st ste the of dit")
_STOPS = words(
    "est sont et mais ou donc or ni car qui que quoi dont depuis pour par avec sans dans je j tu il elle "
    "on nous vous ils ne n pas plus c ce cet "
    "cette mon ma mes votre vos notre nos ma y un une ca ai a avez avait suis etait merci svp appelez "
    "tel telephone mail email toujours jamais "
    "alors quand lorsque si comme apres avant pendant encore deja bonjour cordialement is are was and "
    "but or so since for with i my your you we "
    "not no please thanks has have had which that because when where if from to by in on at now still "
    "never again who although though while until whereas but bravo"
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_GAP = re.compile(r"[ \t]?['\-./][ \t]?|[ \t]{1,2}")
_POSTAL_TOWN = re.compile(
    r"[ \t]*[,\-–(/]?[ \t]*\n?[ \t]*(?:F-?)?\d{2} ?\d{3}(?!\d)(?:[ \t]*,?[ \t]+(?P<town>[^\W\d_][^\n,.;:!?()]*))?",
    re.IGNORECASE,
)
_TOWN_AFTER = re.compile(
    r"[ \t]*(?:,[ \t]*(?:a[ \t]+)?|[ \t]-[ \t]|[ \t]a[ \t]+|\n)(?P<town>[^\W\d_][^\n,.;:!?()]*)", re.IGNORECASE
)
_TOWN_TRAIL = re.compile(r"[ \t]*(?:cedex(?: \d{1,2})?|\d{1,2}(?:er|e|eme)\b)", re.IGNORECASE)

_BRITISH_TYPE = (
    r"street|str?\.?|road|rd\.?|avenue|ave\.?|lane|ln\.?|drive|dr\.?|close|cl\.?|crescent|cres\.?|court|"
    r"ct\.?|place|pl\.?|terrace|terr?\.?|gardens?|gdns"
    r"|grove|gr\.?|way|walk|row|square|sq\.?|hill|mews|park|parade|rise|view|green|wharf|quay|yard|gate|"
    r"vale|broadway|wynd|brae|path|meadows?|fields?|orchard|croft|villas?|cottages?|buildings|heights|"
    r"embankment|esplanade|circus|chase|dale|drove|passage|side|bank|bridge|lodge|house|promenade|parkway|"
    r"end|copse|paddock|spinney|strand|backs|cross|fold|garth|ginnel|vennel|loan|holt|leys?|mead|reach|approach|"
    r"arcade|bottom|brow|burn|causeway|common|cliff|coppice|corner|crest|dell|dene|down|downs|drift|estate|ford|"
    r"glade|glebe|glen|grange|haven|heath|hollow|hurst|island|knoll|landing|lea|link|links|loke|maltings|manor|"
    r"mount|nook|oval|parks|pastures|pightle|pines|plantation|point|port|precinct|quadrant|ridge|ropewalk|"
    r"sands|shore|slip|spur|steps|tye|twitten|viaduct|warren|waters|weir|wells|willows|woods?|works"
)
_BRITISH = re.compile(
    rf"(?<![\w.,/€£\-:])\d{{1,4}}(?:[-/]\d{{1,3}})?[a-f]?,? (?P<name>(?:the |st\.? )?(?:[a-z][\w'\-]*\.? "
    rf"){{1,4}})(?P<type>{_BRITISH_TYPE})(?![\w'])(?: (?:north|south|east|west))?",
    re.IGNORECASE,
)
_BRITISH_PREFIX = re.compile(
    r"(?:(?:flat|apt\.?|apartment|unit|suite|room|floor|studio|plot|block|building) ?\w{1,4}|\d{1,2}(?:st|nd|rd|"
    r"th) floor|(?:ground|first|second|third|"
    r"top|basement) floor(?: flat)?|(?:The )?(?:[A-Z][\w']+ ){1,2}(?:House|Court|Cottage|Lodge|Mansions|Tower|"
    r"Buildings?|Forge|Mill|Barn|Rectory|Vicarage|Stables|Farm|Hall|Manor|Villa|Granary))(?:,? ?[-–]? ?)$",
    re.IGNORECASE,
)
_HOUSE_NAME = re.compile(
    r"(?<!\w)(?:[A-Z][\w']+ ){1,3}(?:Cottage|House|Lodge|Farm|Barn|Rectory|Vicarage|Mill|Forge|Hall|"
    r"Manor|Grange|Schoolhouse|Stables|Granary|Villa|Bungalow|Croft|Chapel|"
    r"Court), (?:[A-Z][\w'\-]+ ){1,3}(?:Street|Road|"
    r"Lane|Avenue|Drive|Close|Way|Hill|Green)\b"
)
_POSTCODE = re.compile(r"(?<![\w])(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})(?![\w])", re.IGNORECASE)
_POSTCODE_NEXT = re.compile(r"[ \t]*,?[ \t]*\n?[ \t]*[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}(?!\w)", re.IGNORECASE)
# Half a postcode after a town: "London E1".
_OUTWARD_CODE = re.compile(r",? [A-Z]{1,2}\d[A-Z\d]?(?![\w])")
_PLACE_WORD = r"(?:(?!(?:Hi|Hello|Dear|My|I|The only)\b)[A-Z][\w'\-]+)"
_PLACE_NAME = rf"(?:The )?{_PLACE_WORD}(?: (?:{_PLACE_WORD}|of|na|the|upon|on|under|y|by|next|le|de|in)){{0,4}}"
# "Tigh na Mara, Glendale, Isle of Skye IV55 0ZZ": names, commas, then a postcode.
_BEFORE_POSTCODE = re.compile(rf"(?<![\w'\-])(?:{_PLACE_NAME}(?:, ?\n?|\n)){{0,4}}{_PLACE_NAME},?[ \n]$")
_TIME_UNITS = words(
    "years months weeks days hours minutes times people staff calls letters emails ans mois jours fois percent "
    "per of in on and to at working different other more"
)


def find_addresses(view: FoldedText) -> list[Found]:
    """Street addresses, with their flat before and their town and postcode after."""
    clean = view.clean
    found = [_with_town(clean, *m.span(), french=False) for m in _HOUSE_NAME.finditer(clean)]
    if not has_digit(clean):
        return found
    found += [f for m in _FRENCH.finditer(clean) if (f := _french(clean, m)) is not None]
    found += [Found(*m.span(), "ADDRESS", SHAPED) for m in _FRENCH_PLACE.finditer(clean)]
    found += [Found(*m.span(), "ADDRESS", NAME_KNOWN + 3) for m in _FRENCH_DOOR.finditer(clean)]
    found += [f for m in _BRITISH.finditer(clean) if (f := _british(clean, m)) is not None]
    for m in _POSTCODE.finditer(clean):
        if m.group() == m.group().upper() and any(c.isdigit() for c in m.group()[1:3]):
            before = " " in m.group() and _BEFORE_POSTCODE.search(clean[max(0, m.start() - 90) : m.start()])
            named = len(before.group()) if before else 0
            found.append(Found(m.start() - named, m.end(), "ADDRESS", NAME_KNOWN - 1 if named else CONTEXT))
    return found


def _french(clean: str, match: re.Match[str]) -> Found | None:
    end = _street_end(clean, match.end())
    if end is None or _AREA.match(clean, match.end()):
        return None
    lower = _LOWER_BEFORE_TOWN.match(clean, end)
    if lower is not None and not any(word in _STOPS for word in lower.group().split()):
        end = lower.end()
    start = match.start()
    prefix = _FRENCH_PREFIX.search(clean[max(0, start - 60) : start])
    if prefix and prefix.group().strip() and not _STAYING_WITH.match(prefix.group()):
        start -= len(prefix.group())
    return _with_town(clean, start, end, french=True)


def _street_end(clean: str, position: int) -> int | None:
    """End of the street's name: connecting words, then capitalised words or one in lower case."""
    end: int | None = None
    content = 0
    for _ in range(9):
        gap = _GAP.match(clean, position)
        word = _WORD.match(clean, gap.end() if gap else position)
        if word is None or (gap is None and position == word.start()):
            break
        parts = word.group().lower().split("'")
        text = parts[-1]
        hyphen = gap is not None and "-" in gap.group() and " " not in gap.group()
        if text not in _CONNECTORS or (len(parts) > 1 and text):
            capital = word.group()[0].isupper() or word.group().split("'")[-1][:1].isupper()
            is_new_word = content >= 1 and not capital and not hyphen
            if (
                (text in _STOPS and content)
                or (is_new_word and not _follows_connector(clean, word.start(), content))
                or (text.isdigit() and content)
            ):
                break
            content += 1
            end = word.end()
        elif text in {"a", "au", "et"} and content:
            following = _WORD.match(clean, word.end() + 1)
            if following is None or not (
                following.group()[0].isupper() and clean[word.start()].islower() and _is_street_joint(clean, word.end())
            ):
                break
        position = word.end()
    return end


def _follows_connector(clean: str, start: int, content: int) -> bool:
    """ "rue du puits de la vierge": a lower-case word right after a connecting word, twice at most."""
    before = re.search(r"(\w+)['\s]\s*$", clean[max(0, start - 8) : start])
    return (
        content < 3
        and before is not None
        and before[1].lower() in {"de", "du", "des", "la", "le", "les", "d", "l", "saint", "sainte", "st"}
    )


def _is_street_joint(clean: str, position: int) -> bool:
    """ "rue du Moulin a Vent - 69008": the street continues where the town follows it."""
    return re.match(r" [^\W\d_]+(?: ?[-,(] ?|\s)\s?\d{5}", clean[position:]) is not None


def _with_town(clean: str, start: int, end: int, french: bool) -> Found:
    tail = _POSTAL_TOWN.match(clean, end) or _TOWN_AFTER.match(clean, end)
    if tail is not None:
        has_postal = any(c.isdigit() for c in tail.group()[: len(tail.group()) - len(tail["town"] or "")])
        town = _town_end(clean, tail.start("town"), has_postal, french) if tail["town"] else None
        if town is not None:
            end = town
        elif has_postal:
            end = tail.start("town") if tail["town"] else tail.end()
            end = start + len(clean[start:end].rstrip(" ,-"))
    trail = _TOWN_TRAIL.match(clean, end)
    if trail is not None:
        end = trail.end()
    postcode = _POSTCODE_NEXT.match(clean, end) or (None if french else _OUTWARD_CODE.match(clean, end))
    if postcode is not None:
        end = postcode.end()
        following = _TOWN_AFTER.match(clean, end)
        town = (
            _town_end(clean, following.start("town"), False, french)
            if following and following.group()[0] == ","
            else None
        )
        end = town or end
    return Found(start, end, "ADDRESS", NAME_KNOWN + 2)


_NOT_TOWN = _STOPS | words(
    "flat appt tel mob phone email mail votre merci madame monsieur bonjour france cordialement please dob "
    "born ne nee iban card carte"
)


def _town_end(clean: str, position: int, sure: bool, french: bool) -> int | None:
    """End of a town's name: capitalised words, joined by hyphens or small words."""
    end: int | None = None
    small_before = False
    for count in range(6):
        word = _WORD.match(clean, position)
        if word is None:
            break
        text = word.group().lower()
        if has_digit(text):
            break
        capital = word.group()[0].isupper() or "'" in word.group()
        joined = count > 0 and clean[position - 1] == "-"
        if french and count > 0 and not joined and capital and not small_before:
            break
        if text in _NOT_TOWN and not (joined or (text in _CONNECTORS and end is None and sure)):
            break
        if capital or joined or (sure and count == 0):
            end = word.end()
        elif text not in _CONNECTORS and text not in {"upon", "by", "next"}:
            break
        small_before = text in _CONNECTORS
        gap = re.compile(r"-| (?!-)").match(clean, word.end())
        if gap is None:
            break
        position = gap.end()
    return end


_AREA = re.compile(r" ?(?:metres?|meters?|feet|foot|miles?|m\b|yards?)", re.IGNORECASE)


def _british(clean: str, match: re.Match[str]) -> Found | None:
    words = match["name"].lower().split()
    if _AREA.match(clean, match.end()):
        return None
    if any(w.strip(".,") in _STOPS | _TIME_UNITS for w in words):
        return None
    capitals = sum(w[0].isupper() for w in match["name"].split())
    is_short = match["type"].lower().rstrip(".") in {
        "st",
        "str",
        "dr",
        "ct",
        "pl",
        "cl",
        "sq",
        "gr",
        "way",
        "end",
        "side",
        "house",
        "bank",
        "park",
        "view",
        "green",
        "bridge",
        "gate",
        "cross",
        "place",
        "court",
        "close",
        "drive",
        "rise",
        "row",
        "walk",
        "path",
        "field",
        "fields",
        "hill",
        "passage",
    }
    start = match.start()
    prefixed = _BRITISH_PREFIX.search(clean[max(0, start - 45) : start])
    if is_short and not (capitals or prefixed or _POSTCODE.search(clean[match.end() : match.end() + 40])):
        return None
    for _ in range(3):
        prefix = _BRITISH_PREFIX.search(clean[max(0, start - 45) : start])
        if prefix is None or not prefix.group():
            break
        start -= len(prefix.group())
    return _with_town_british(clean, start, match.end())


def _with_town_british(clean: str, start: int, end: int) -> Found:
    """Up to three comma-separated names, then a postcode."""
    found = _with_town(clean, start, end, french=False)
    end = found.end
    for _ in range(2):
        if _POSTCODE.search(clean[start:end]):
            break
        following = re.compile(r",[ \t]*\n?|\n").match(clean, end)
        ahead = clean[following.end() : following.end() + 45] if following else ""
        if following is None or not re.match(
            rf"[^\W\d_][\w'\- ]{{2,25}},? {_POSTCODE.pattern}|{_POSTCODE.pattern}", ahead, re.IGNORECASE
        ):
            break
        code = _POSTCODE.search(ahead)
        end = following.end() + (code.end() if code else 0)
    return Found(start, end, "ADDRESS", NAME_KNOWN + 2)
