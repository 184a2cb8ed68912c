"""Checksums and number plans, asked of the libraries that maintain them."""

import re
from functools import lru_cache
from typing import Any

_NOT_ALNUM = re.compile(r"[^0-9A-Za-z]")
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
    "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22,
    "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MA": 28, "MC": 27, "MT": 31, "NL": 18,
    "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26,
}  # fmt: skip


def compact(value: str) -> str:
    """Letters and digits only, upper case."""
    return _NOT_ALNUM.sub("", value).upper()


def iban_length(country: str) -> int | None:
    """Length of an IBAN of that country (ISO 13616 registry), None when it has none here."""
    return _IBAN_LENGTHS.get(country.upper())


def is_iban(value: str) -> bool:
    """IBAN checksum (ISO 7064 mod 97-10)."""
    from stdnum import iban

    return bool(iban.is_valid(value, check_country=False))


def is_luhn(digits: str) -> bool:
    """Card checksum."""
    from stdnum import luhn

    return bool(luhn.is_valid(digits))


def is_nir(value: str) -> bool:
    """French social security number with its key, Corsica included."""
    from stdnum.fr import nir

    return bool(nir.is_valid(value))


@lru_cache(maxsize=1)
def _phonenumbers() -> Any:
    # 60 ms to import, and many messages hold no number: only when first needed.
    import phonenumbers

    return phonenumbers


@lru_cache(maxsize=2048)
def is_phone(number: str, region: str) -> bool:
    """Whether the numbering plan has room for it, read from that region ("FR", "GB")."""
    library = _phonenumbers()
    try:
        parsed = library.parse(number, region)
    except library.NumberParseException:
        return False
    return bool(library.is_possible_number(parsed)) and _is_assignable(library, parsed)


def _is_assignable(library: Any, parsed: Any) -> bool:
    """Valid, or in the French and British ranges that regulators keep for fiction and new services."""
    if library.is_valid_number(parsed):
        return True
    national = str(parsed.national_number)
    if parsed.country_code == 33:
        return len(national) == 9 and national[0] in "123456789"
    if parsed.country_code == 44:
        return len(national) in {9, 10} and national[0] in "12378"
    return False
