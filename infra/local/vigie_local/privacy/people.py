"""Invented customers and third persons, with identifiers valid by checksum and reserved for fiction."""

import random
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta

from vigie_llm.pseudonymise import KnownIdentity

FRENCH_FIRST = (
    "Bérengère Zéphirine Anne-Lise Jean-Loup Mireille Gwladys Aymeric Solène Ludivine Fatoumata Kouamé Mamadou Awa Boubacar Nour-Eddine Leïla Wassim Hafsa "
    "Yassine Djamila Ségolène Marie-Ange Pierre-Yves Maxence Thi-Lan Quoc Minh-Anh Agnieszka Dragan Ionela João Inês Graça Tiago Noémie Éloïse Timothée Gaëtane "
    "Hippolyte Rosalie Yannick Nolwenn Ewen Maïwenn Ghjulia Pasquale Ousseynou Aïssatou Ndèye Tchicaya Rindra Harinirina Sokhna Lahcen Rokia Ayoub Zoulikha Sacha "
    "Océane Jordan Kévin Brenda Priscillia Clément Aurore Désiré Violette Pierre Claire Rose Marin Constance Olive Victor Aimé France Pascal"
).split()
FRENCH_LAST = (
    "Le Guennec|Castagnède|Bouchareb|N'Diaye|Traoré|Diarra|Ait Ouali|El Mansouri|Ben Youssef|Trần|Kowalska|Popescu|Da Costa|Ferreira|de Kersauson|d'Hautefeuille|L'Hermitte|"
    "Saint-Exupère|Roux|Petit|Marchand|Lefèbvre|Bégué|Etchegoyen|Casanova|Hoarau|Payet|Rakotomalala|Mbemba|Coulibaly|Ouédraogo|Zidane|Chaouch|Meziane|Belkacemi|Vandenbroucke|"
    "Schneider|Muller|Quéré|Abiven|Tanguy|Pellissier|Montfort-Lacaze|Giraudeau|Bonnafous|Sarrazin|Delattre|Wróblewski|Nguyễn|Lacroix-Dubois|Boyer|Gaillard|Ruffié|Serfaty|Azoulay"
).split("|")
BRITISH_FIRST = (
    "Tadhg Siân Callum Oluwadamilola Chidinma Kwaku Folarin Adaeze Imran Saoirse Rhiannon Gethin Ffion Eilidh Hamish Priyamvada Harjinder Sukhmani Anjali Zubair Nasreen Tariq "
    "Wiktoria Grzegorz Ioana Bogdan Xiomara Rutendo Tinashe Makena Jermaine Shanelle Delroy Mei-Ling Kaito Quang Hyun-woo Philippa Rupert Beatrix Nigel Maureen Doreen Kayleigh "
    "Jayden Ellie-Mae Tyler Mark Grace Will Frank Hope Rose Ivy Dawn Bill Sue Ruby Jack Amber April Charlotte Ngozi Temitayo Yusra Abdirahman Hodan Fergal Niall Gráinne Caoimhe Bartholomew"
).split()
BRITISH_LAST = (
    "O'Sullivan|O'Brien-Hart|McAllister|MacDonald|Ap Rhys|Featherstone|Cholmondeley|Oyelowo|Nwachukwu|Owusu-Ansah|Mensah|Okonkwo|Chowdhury|Rahman|Bhattacharya|Kaur Gill|Sandhu|"
    "Patel|Iyer|Wozniak|Dumitru|van Dijk|de la Cruz|St John|Fitzwilliam|Pemberton-Jones|Price|Young|Baker|Short|Lovelace|Higginbottom|Trelawney|Penrose|Llewelyn|Jenkins|Campbell|Sinclair|"
    "Armitage|Ramsbottom|Yeo|Zhang|Nakamura|Tran|Abdi|Warsame|Moyo|Chikwanha|Desai|Ackroyd|Whitfield|Gallagher|Hussain|Mirza|Cartwright|Bello|Achebe|Stubbs|Entwistle"
).split("|")
FRENCH_STREETS = (
    "rue des Glycines|avenue du Général-Leclerc|boulevard Voltaire|impasse du Lavoir|chemin des Vieilles-Vignes|allée des Acacias|place de la Halle|quai des Chartrons|cours de la Marne|"
    "route de Saint-Cyr|square Jean-Moulin|passage du Grand-Cerf|rue de l'Abbé Grégoire|rue Victor Hugo|avenue de la République|rue de la Croix-Rouge|ruelle aux Loups|montée de la Boucle|sentier du Phare|rue Paul-Éluard"
).split("|")
FRENCH_TOWNS = (
    "44000 Nantes|69003 Lyon|13006 Marseille|67000 Strasbourg|35000 Rennes|56100 Lorient|97400 Saint-Denis|06000 Nice|63000 Clermont-Ferrand|17000 La Rochelle|"
    "64100 Bayonne|93200 Saint-Denis|20000 Ajaccio|59140 Dunkerque|31000 Toulouse|73100 Aix-les-Bains|72000 Le Mans|78100 Saint-Germain-en-Laye|76600 Le Havre|54000 Nancy"
).split("|")
BRITISH_STREETS = (
    "Marlborough Road|Cherry Tree Lane|Victoria Street|Castlegate Drive|The Crescent|Saint Mary's Terrace|Wellington Avenue|Beech Grove|Mill Hill Close|Old Harbour Way|"
    "Primrose Gardens|Station Road|Abbots Walk|Kestrel Court|Canal Street|Spinner's Yard|Park Row|Farthing Mews|Hazelwood Rise|Queen's Parade"
).split("|")
BRITISH_TOWNS = (
    "Leeds LS9 0ZZ|Bristol BS4 0ZZ|London SE15 0ZZ|Cardiff CF10 0ZZ|Dundee DD2 0ZZ|Newcastle upon Tyne NE3 0ZZ|Hebden Bridge HX7 0ZZ|Stoke-on-Trent ST4 0ZZ|Belfast BT7 0ZZ|"
    "Milton Keynes MK9 0ZZ|Norwich NR2 0ZZ|Swansea SA1 0ZZ|Hull HU5 0ZZ|Bury St Edmunds IP33 0ZZ|York YO24 0ZZ|Truro TR1 0ZZ|Wolverhampton WV3 0ZZ|Luton LU2 0ZZ"
).split("|")
_DOMAINS = ("example.org", "example.com", "courriel.example", "post.example", "mail.test", "maboite.example")


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as the bank knows them."""

    identity: KnownIdentity
    language: str
    first: str
    last: str


def plain(text: str) -> str:
    """Without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).replace("đ", "d").replace("ł", "l")


def invent(rng: random.Random, language: str) -> Person:
    """A customer; one in eight has a name from the other country."""
    names = language if rng.random() > 0.12 else ("en" if language == "fr" else "fr")
    first, last = name(rng, names)
    local = rng.choice(
        [f"{first}.{last}", f"{first[0]}.{last}", f"{last}.{first}", f"{first}{last}{rng.randint(1, 99)}", f"{first}_{last}"]
    )
    identity = KnownIdentity(
        first_name=first,
        last_name=last,
        email=f"{_local(local)}@{rng.choice(_DOMAINS)}",
        phone=phone(rng, language),
        address=address(rng, language),
        birth_date=birth_date(rng).isoformat(),
        iban=iban(rng, language),
        customer_number=str(rng.randint(10_000_000, 99_999_999)),
    )
    return Person(identity, language, first, last)


def _local(text: str) -> str:
    return "".join(c for c in plain(text).lower() if c.isalnum() or c in "._")


def name(rng: random.Random, language: str) -> tuple[str, str]:
    """First name and surname."""
    if language == "fr":
        return rng.choice(FRENCH_FIRST), rng.choice(FRENCH_LAST)
    return rng.choice(BRITISH_FIRST), rng.choice(BRITISH_LAST)


def phone(rng: random.Random, language: str) -> str:
    """E.164, in ranges reserved for fiction (ARCEP 06 39 98, Ofcom 07700 900)."""
    if language == "fr":
        return f"+3363998{rng.randint(0, 9999):04}"
    return f"+447700900{rng.randint(0, 999):03}"


def address(rng: random.Random, language: str) -> str:
    """Number, street, postcode and town."""
    if language == "fr":
        suffix = rng.choice(["", "", "", " bis", " ter"])
        return f"{rng.randint(1, 180)}{suffix} {rng.choice(FRENCH_STREETS)}, {rng.choice(FRENCH_TOWNS)}"
    flat = rng.choice(["", "", f"Flat {rng.randint(1, 9)}, ", f"Flat {rng.randint(1, 9)}{rng.choice('ABC')}, "])
    return f"{flat}{rng.randint(1, 180)} {rng.choice(BRITISH_STREETS)}, {rng.choice(BRITISH_TOWNS)}"


def birth_date(rng: random.Random) -> date:
    """Between 1935 and 2006."""
    return date(1935, 1, 1) + timedelta(days=rng.randint(0, 26_000))


def iban(rng: random.Random, language: str) -> str:
    """Compact, checksum right, with bank codes that are not assigned."""
    if language == "fr":
        account = f"9{rng.randint(0, 9999):04}{rng.randint(0, 99999):05}{rng.randint(0, 10**11 - 1):011}"
        return _with_checksum("FR", account + f"{97 - int(account + '00') % 97:02}")
    return _with_checksum("GB", f"{rng.choice(['QZBK', 'XQCB', 'ZZTB'])}99{rng.randint(0, 9999):04}{rng.randint(0, 10**8 - 1):08}")


def _with_checksum(country: str, account: str) -> str:
    digits = "".join(str(int(c, 36)) for c in account + country + "00")
    return f"{country}{98 - int(digits) % 97:02}{account}"


def card(rng: random.Random) -> str:
    """Sixteen digits, Luhn right."""
    body = rng.choice("45") + "".join(str(rng.randint(0, 9)) for _ in range(14))
    total = sum(d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(map(int, body)))
    return body + str(-total % 10)


def social_number(rng: random.Random) -> str:
    """Fifteen characters, key right, Corsica sometimes."""
    department = rng.choice(["75", "13", "59", "2A", "2B", "97", "31", "99"])
    body = f"{rng.choice('12')}{rng.randint(30, 99)}{rng.randint(1, 12):02}{department}{rng.randint(901, 990)}{rng.randint(1, 999):03}"
    number = int(body.replace("2A", "19").replace("2B", "18"))
    return f"{body}{97 - number % 97:02}"
