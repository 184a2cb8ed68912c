"""Knows columns that identify a person or number a row: no model may learn from those."""

import re
from collections.abc import Sequence

from model.cells import NO, YES, fold
from model.profile import Profile
from model.protected import plain_words
from model.word_groups import WordGroup

MANY = 40
# Whole names of columns, joined: device_name and nom_produit are none of these.
NAMES = set("""surname lastname firstname fullname familyname givenname middlename customername clientname name names
    username contactname nom nomclient nomdefamille prenom prenoms nometprenom vorname nachname familienname kundenname
    apellido apellidos nombrecompleto nombreyapellidos cognome nome nomecompleto nominativo sobrenome apelido achternaam
    voornaam naam klantnaam""".split())  # fmt: skip
CONTACTS = set("""email mail mails courriel phone telephone tel telefon telefono telefone telefoon mobile mobil movil handy gsm
    address adresse anschrift direccion indirizzo endereco adres iban bic ssn nir passport passeport siret nif dni cpf bsn
    """.split())  # fmt: skip
NUMBERING = set("""id ids nr no num number numero nummer ref reference referenz code key cle matricule index idx row rownumber
    uuid guid serial kundennummer customerid clientid userid accountnumber iban""".split())  # fmt: skip
AMOUNTS = set("of number_of count total amount".split())
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9 ]{11,32}")
PHONE = re.compile(r"\+\d[\d .()/-]{6,}|0\d([ .-]?\d\d){4}")
DATE = re.compile(r"\d{4}-\d\d?(-\d\d?)?([T ].*)?|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}/\d\d?/\d\d?")


def find_personal(name: str, values: Sequence[str]) -> str:
    """Why a column identifies a person; empty when it does not. Two flags or numbers identify nobody."""
    sample = values[:1000]
    for pattern, what in ((EMAIL, "e-mail addresses"), (IBAN, "account numbers (IBAN)"), (PHONE, "telephone numbers")):
        if sample and sum(bool(pattern.fullmatch(v)) for v in sample) > 0.5 * len(sample):
            return f"holds {what}, which identify a person"
    tokens = plain_words(name)
    if "".join(tokens) in NAMES and _are_words(sample):
        return "its name says that it identifies a person"
    if CONTACTS & set(tokens) and not AMOUNTS & set(tokens) and len(values) > MANY and _are_contacts(sample):
        return "its name and values say that it identifies a person"
    return ""


def looks_like_ids(profile: Profile, numbers: Sequence[float]) -> str:
    """Why whole numbers number the rows, `codes` for digits with zeros in front, empty for amounts."""
    values = [v for v in profile.values if v]
    if any(re.fullmatch(r"0\d+", v) for v in values):
        return "codes"
    if len(values) < len(profile) or len(values) <= MANY:
        return ""
    many = f"holds {len(values):,} different values"
    if max(numbers) - min(numbers) + 1 == len(values):
        return f"{many}, one after the other: it numbers the rows"
    tokens = plain_words(profile.name)
    if NUMBERING & {tokens[-1], tokens[0], "".join(tokens)} if tokens else False:
        return f"{many}, as numbers of customers do"
    lengths = {len(v) for v in values}
    if len(lengths) == 1 and lengths.pop() >= 8:
        return f"{many} of the same length, as numbers of customers do"
    return ""


def looks_like_dates(groups: Sequence[WordGroup]) -> bool:
    """Whether nearly all words of a column are dates."""
    sample = groups[:500]
    return sum(bool(DATE.fullmatch(g.spellings[0])) for g in sample) > 0.9 * len(sample)


def _are_words(values: Sequence[str]) -> bool:
    words = [v for v in values if re.search(r"[^\W\d_]{2}", v)]
    return len(words) > 0.5 * len(values) and not {fold(v) for v in values} <= YES | NO


def _are_contacts(values: Sequence[str]) -> bool:
    return sum(bool(re.search(r"\d{4}|@|[^\W\d_]{3}", v)) for v in values) > 0.5 * len(values)
