"""Knows what the law protects when it sees a column: by its name in seven languages, and by its values."""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from model.cells import NO, YES, fold, to_number

# Words that only say how something is written down: birth_year, is_female, number_of_children.
FILLERS = """number of no num nb nbr nombre anzahl numero n a the is has in at to year years annee jahr ano anno jaar
    status situation statut state date datum day month code group groupe gruppe band range bracket tranche cat category
    categorie class id flag type level name size place lieu residence maternelle customer client clients kunde cliente klant
    user users person home current background years old member""".split()
# What a weak word may be about instead of a person: the age of an account, the manager of a region.
THINGS = """account subscription contract plan policy device phone handset card loan credit vehicle car product service order
    invoice bill billing ticket session page app website manager advisor adviser agent branch store shop offer discount
    campaign tier bib insurance pack package bundle club network machine email mail tariff rate fee price line equipment
    system software web event server deposit mortgage transaction balance compte contrat abonnement forfait carte produit
    offre appareil gestionnaire conseiller agence assurance konto vertrag gerat karte berater versicherung cuenta contrato
    tarjeta producto oferta seguro gestor conto contratto carta prodotto offerta assicurazione conta cartao produto rekening
    kaart verzekering aanbod relation tenure""".split()
TITLES = set("mr mrs ms miss mx m mme mlle monsieur madame herr frau sr sra srta don doña sig sigra signor signora dhr mevr "
             "mw mevrouw meneer senhor senhora".split())  # fmt: skip
GENDERS = set("male female man woman men women homme femme masculin féminin mann weiblich männlich divers hombre mujer uomo "
              "donna maschio femmina homem mulher masculino feminino femenino vrouw nonbinary non-binary".split())  # fmt: skip
LETTERS = [{"m", "f"}, {"f", "h"}, {"m", "w"}, {"m", "v"}, {"h", "m"}, {"m", "f", "x"}, {"m", "w", "d"}, {"m", "f", "u"}]
MARRIED = {"married", "single", "divorced", "widowed", "widow", "widower", "separated", "marié", "mariée", "marié(e)",
           "célibataire", "divorcé", "divorcée", "divorcé(e)", "veuf", "veuve", "pacsé", "pacsé(e)", "ledig", "verh",
           "verheiratet", "geschieden", "verwitwet", "casado", "casada", "soltero", "soltera", "divorciado", "viudo", "viuda",
           "sposato", "sposata", "celibe", "nubile", "divorziato", "vedovo", "vedova", "solteiro", "solteira", "viúvo",
           "gehuwd", "ongehuwd", "gescheiden", "weduwe", "couple", "in a relationship"}  # fmt: skip
FAITHS = set("christian catholic protestant orthodox muslim islam jewish hindu buddhist sikh atheist catholique musulman juif "
             "protestante católico evangelisch katholisch muslimisch jüdisch".split())  # fmt: skip
ORIGINS = set("white black asian hispanic latino caucasian african arab mixed-race blanc noir".split())
COUNTRIES = """france germany spain italy portugal netherlands belgium switzerland austria poland ireland
    england scotland wales morocco algeria tunisia senegal turkey russia ukraine china india japan brazil mexico argentina
    canada usa australia allemagne espagne italie maroc algérie tunisie suisse belgique deutschland spanien italien frankreich
    österreich schweiz niederlande españa francia alemania italia marruecos germania spagna svizzera frança alemanha espanha
    itália brasil nederland duitsland frankrijk spanje""".split()
# Values by which a weak word turns out to speak of something else.
OTHER_WORDS = set("open opened closed active inactive pending new old on off suspended blocked draft ok web online app mobile "
                  "branch store agency phone email partner referral campaign ads search social 2g 3g 4g 5g lte".split())  # fmt: skip
NEEDS_WORDS = set("title titre titel titulo titolo relationship".split())
BAND = re.compile(r"(?:under|over|<|>|=|\s|≤|≥)*(\d{1,2})\s*(?:-|–|to|à|bis|a|\+|ans|years)*\s*(\d{1,3})?\s*(?:\+|ans|years)?")
OLDEST = 125
SUBJECTS = {"gender": "gender", "age": "age", "family": "family", "origin": "origin", "religion": "religion",
            "health": "health", "opinion": "opinions", "class": "social class", "place": "home"}  # fmt: skip


@dataclass(frozen=True)
class Protected:
    """What a column is about (`age`, `gender` …) and the sentence that says how it was seen."""

    subject: str
    why: str


def find_protected(name: str, values: Sequence[str]) -> Protected | None:
    """What is protected in a column of that name and those different values (gaps left out); else None."""
    words = sorted({fold(v) for v in values})
    if subject := _subject_of_values(words):
        return Protected(subject, f"its values are words for a person's {SUBJECTS[subject]}")
    tokens = plain_words(name)
    for subject, strong, weak in _subjects():
        if found := _find(tokens, strong):
            return Protected(subject, f"{found!r} in its name speaks of a person's {SUBJECTS[subject]}")
        if (found := _find(tokens, weak)) and _is_about_people(found, tokens, words):
            return Protected(subject, f"{found!r} in its name speaks of a person's {SUBJECTS[subject]}")
    return _age_bound(name)


def plain_words(name: str) -> list[str]:
    """A column's name as small words without accents: `NumOfÂge` is num, of, age."""
    name = name.replace("ß", "ss").replace("œ", "oe").replace("æ", "ae").replace("ø", "o").replace("ł", "l")
    folded = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+", " ", folded)
    return spaced.lower().split()


def is_about_a_thing(tokens: Collection[str]) -> bool:
    """Whether a name holds a word such as account or plan (or several of them)."""
    return any(t in THINGS or t.removesuffix("s") in THINGS for t in tokens)


def _find(tokens: Sequence[str], pattern: re.Pattern[str]) -> str:
    for length in (1, 2, 3):
        for start in range(len(tokens) - length + 1):
            if pattern.fullmatch("".join(tokens[start : start + length])):
                return " ".join(tokens[start : start + length])
    return ""


def _is_about_people(found: str, tokens: Sequence[str], words: Sequence[str]) -> bool:
    others = [t for t in tokens if t not in found.split()]
    if is_about_a_thing(others) or set(words) <= OTHER_WORDS:
        return False
    numbers = [to_number(w) for w in words]
    numeric = all(n is not None for n in numbers)
    if found in NEEDS_WORDS and (numeric or found != "relationship"):
        return False  # a title of a person, or a couple, was seen by its values
    if numeric and found in ("age", "edad", "idade", "eta", "alter", "leeftijd"):
        return all(n is not None and n <= OLDEST for n in numbers)
    return True


def _subject_of_values(words: Sequence[str]) -> str:
    found = {w.rstrip(".").replace(".", "") for w in words}
    if not found or found <= YES | NO:
        return ""
    if len(found) > 1 and (found <= TITLES | GENDERS | {"dr", "prof", "other", "unknown", "u"} or found in LETTERS):
        return "gender" if found & (TITLES | GENDERS) or found in LETTERS else ""
    for subject, known in (("family", MARRIED), ("religion", FAITHS), ("origin", ORIGINS), ("origin", set(COUNTRIES))):
        if sum(w in known for w in words) >= max(2, 0.6 * len(words)):
            return subject
    return "age" if _are_age_bands(words) else ""


def _are_age_bands(words: Sequence[str]) -> bool:
    """Bands that begin with grown-ups and end with the old: 18-25, 26-35 … 66+."""
    found = [BAND.fullmatch(w) for w in words]
    if len(words) < 3 or not all(found):
        return False
    begins = sorted(int(m[1]) for m in found if m)
    closed = sum(1 for m in found if m and m[2])
    return closed >= 2 and begins[0] in range(15, 26) and 50 <= begins[-1] <= 90


def _age_bound(name: str) -> Protected | None:
    """Names such as under_30, Over65 or moins_de_25_ans."""
    said = " ".join(plain_words(name))
    found = re.fullmatch(r"(?:is )?(?:under|over|below|above|moins de|plus de|unter|uber) ?(\d\d)(?: ?(?:ans|years|jahre))?", said)
    if found and 12 < int(found[1]) < 90:
        return Protected("age", f"{name!r} speaks of a person's age")
    return None


@cache
def _subjects() -> tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...]:
    read = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return tuple((s, _pattern(w["strong"]), _pattern(w["weak"])) for s, w in read.items())


def _pattern(words: str) -> re.Pattern[str]:
    listed = "|".join(re.escape(w).replace(r"\*", r"\w*") for w in words.split()) or r"(?!)"
    fillers = "|".join(sorted(set(FILLERS), key=len, reverse=True))
    return re.compile(rf"(?:{fillers})*(?:{listed})(?:{fillers})*")
