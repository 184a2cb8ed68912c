"""The word lists of this package, read once: first names, ordinary words, roles, products."""

from functools import lru_cache
from pathlib import Path

from vigie_llm.pseudonymise.folding import fold


def _read(name: str) -> frozenset[str]:
    lines = Path(__file__).with_name(name).read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in fold(line).split())


@lru_cache(maxsize=1)
def ordinary_words() -> frozenset[str]:
    """Names that are also words, places, months or products."""
    return _read("ordinary_names.txt")


@lru_cache(maxsize=1)
def first_names() -> frozenset[str]:
    """First names, those that are also ordinary words included."""
    return frozenset(part for name in _read("first_names.txt") for part in (name, *name.split("-")) if len(part) > 1)


PRODUCT_BEFORE = frozenset(
    "compte comptes carte cartes livret livrets formule formules offre offres pack packs epargne forfait forfaits gamme option options assurance contrat pret plan "
    "produit produits visa saint sainte st ste san santa rue avenue av boulevard bd place quai square cours station metro gare agence agences guichet lycee hopital "
    "ecole parc tour centre pont port quartier zone immeuble residence carre pass avantage avantages club programme groupe banque bank branch credit mutuelle cabinet "
    "account card saver the street road lane park bond isa loan product tier range reward rewards bay hotel chez caisse fondation college notre".split()
)
PRODUCT_AFTER = frozenset(
    "saver savers account accounts card cards bond bonds isa plan plus reserve savings street road lane avenue hill park square bank branch visa gold premium "
    "premier saving deposit mortgage loan rewards reward package tier club bancaire epargne building society insurance direct online pay house house station hospital".split()
)
TITLES = frozenset(
    "m mr mrs ms miss mx mme mlle mmes mlles monsieur madame mademoiselle messieurs mesdames maitre me dr docteur doctor pr prof professeur professor sir dame lord lady rev reverend father sister mister missus messrs veuve".split()
)
