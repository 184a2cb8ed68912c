"""Patterns that no request may hold, and those that no answer may hold."""

import ipaddress
import re
from collections.abc import Callable

from vigie_llm.rules import Rule
from vigie_llm.text import validation
from vigie_llm.text.folding import has_digit

_EMAIL = re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)*\.[A-Za-z]{2,}")
_IBAN = re.compile(r"(?<![A-Za-z0-9])(?=([A-Za-z]{2}[ .\-]?\d{2}(?:[ .\-_]{0,2}[A-Za-z0-9]){10,32}))")
# A country and two digits, looked for from the digits on: they are rarer than letters.
_IBAN_KEY = re.compile(r"\d\d(?:(?<=[A-Za-z]{2}..)|(?<=[A-Za-z]{2}[ .\-]..))")
_DIGIT = re.compile(r"\d")
_DIGIT_RUN = re.compile(r"(?<![\w.,])\d(?:[ .\-]?\d){11,18}(?![\w])")
_NIR = re.compile(
    r"(?<!\w)[12](?:[ .\-]?\d){4}[ .\-]?(?:\d[ .\-]?\d|2[ .\-]?[ABab])(?:[ .\-]?\d){6}[ .\-/]{0,3}(?:cle )?\d[ "
    r".]?\d(?!\w)"
)
_PHONE = re.compile(r"(?<![\w.,/\-])(?:\+\d{1,3}|00\d{2}|0)[ .\-]?(?:\(0\))?[ .\-]?[1-9](?:[ .\-]{0,2}\d){7,9}(?![\w])")
_NINO = re.compile(r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_MONEY_AFTER = re.compile(r" ?(?:€|£|\$|eur|pounds|gbp)", re.IGNORECASE)


def find_patterns(plain: str) -> list[str]:
    """Labels of the validated patterns in a text without accents."""
    found = ["EMAIL"] if "@" in plain and _EMAIL.search(plain) else []
    if not has_digit(plain):
        return found
    digits = len(_DIGIT.findall(plain))
    return found + [label for label, (least, check) in _CHECKS.items() if digits >= least and check(plain)]


def _has_iban(plain: str) -> bool:
    if not _IBAN_KEY.search(plain):
        return False
    for match in _IBAN.finditer(plain):
        compact = validation.compact(match[1])
        length = validation.iban_length(compact[:2])
        if length is not None and len(compact) >= length and validation.is_iban(compact[:length]):
            return True
    return False


def _has_card(plain: str) -> bool:
    runs = (validation.compact(m.group()) for m in _DIGIT_RUN.finditer(plain))
    return any(run[0] in "23456" and len(run) > 12 and validation.is_luhn(run) for run in runs)


def _has_national_id(plain: str) -> bool:
    numbers = (validation.compact(m.group().replace("cle", "")) for m in _NIR.finditer(plain))
    return any(validation.is_nir(number) for number in numbers) or bool(_NINO.search(plain))


def _has_phone(plain: str) -> bool:
    for match in _PHONE.finditer(plain):
        number = re.sub(r"[^\d+]", "", match.group().replace("(0)", ""))
        number = "+" + number[2:] if number.startswith("00") else number
        if _MONEY_AFTER.match(plain[match.end() :]):
            continue
        if any(validation.is_phone(number, region) for region in ("FR", "GB")):
            return True
    return False


def _has_ip(plain: str) -> bool:
    for match in _IPV4.finditer(plain):
        try:
            ipaddress.ip_address(match.group())
        except ValueError:
            continue
        if not re.search(
            r"(?:version|v|ios|android|app\w*|firmware|build|release|maj)\.? ?$",
            plain[max(0, match.start() - 12) : match.start()],
            re.IGNORECASE,
        ):
            return True
    return False


# Each with the least number of digits that what it looks for has.
_CHECKS: dict[str, tuple[int, Callable[[str], bool]]] = {
    "IBAN": (2, _has_iban),
    "CARD": (13, _has_card),
    "NATIONAL_ID": (6, _has_national_id),
    "PHONE": (8, _has_phone),
    "IP": (4, _has_ip),
}
_TLD = (
    "com|fr|org|net|info|io|me|eu|uk|dev|page|blog|site|app|example|test|xyz|be|ch|ca|de|es|it|pt|ly|gl|link|"
    "online|shop|top|ru|cn|bank|bzh|tv|co"
)
_NUMBER_WORD = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|"
    "sixty|seventy|eighty|ninety|hundred|thousand|"
    "deux|trois|quatre|cinq|sept|huit|neuf|dix|quinze|vingt|trente|quarante|cinquante|soixante|cent|cents|mille"
)
_CURRENCY = r"(?:€|£|\$|eur\b|euros?\b|gbp\b|pounds?\b|livres?\b|usd\b|dollars?\b|quid\b|k€|centimes?\b|pence\b)"
# Looked for in texts without accents.
ANSWER_RULES: dict[str, Rule] = {
    "LINK": Rule(
        re.compile(
            rf"(?i:\b(?:https?|hxxps?|ftp|javascript|data|mailto|tel):|\bwww\.|\]\(\s*\S|(?<![\w@])(?:[a-z0-9\-]+\."
            rf")+(?:{_TLD})\b(?:/|\b)(?!\.\w))"
        ),
        ("http", "hxxp", "ftp:", "javascript:", "data:", "mailto:", "tel:", "www.", "]("),
        hint=re.compile(r"\.\w"),
    ),
    "HANDLE": Rule(re.compile(r"(?<![\w.])@\w{2,}"), ("@",)),
    "PHONE": Rule(
        re.compile(
            r"(?<![\w.,])\+?\(?\d(?:[ .\-()/]{0,2}\d){7,14}(?!\w)"
            r"|(?i:\b(?:call|dial|ring|text|appele[zr]|composez)\b[^.\n]{0,20}\b\d{3,6}\b)"
        ),
        digit=True,
    ),
    "ADDRESS": Rule(
        re.compile(
            r"(?i:\b\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|av\.|boulevard|bd|place|chemin|impasse|allee|"
            r"route|quai|cours|square|passage) \w)"
            r"|\b\d{1,4}[a-f]?,? (?:[A-Z][\w'\-]+ ){1,3}(?:Street|St|Road|Rd|Avenue|Lane|Drive|Close|Crescent|"
            r"Court|Place|Terrace|Gardens|Grove|Way|Row|Square|Mews)\b"
            r"|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b"
        ),
        digit=True,
    ),
    "PROMO_CODE": Rule(
        re.compile(
            r"\b(?i:code|coupon|voucher|promo\w*|bon)\b[^.\n]{0,20}?(?:\b(?=[A-Z0-9\-]*[A-Z])[A-Z0-9][A-Z0-9\-]{3,"
            r"}\b|(?<!\w)[\"'«]\s?\w{4,}|\b\d{4,}\b)"
            r"|\b[A-Z]{3,}-?\d{2,}\b|\b[A-Z]{2,}(?:-[A-Z0-9]{2,})*-\d{2,}\b"
        ),
        ("code", "coupon", "voucher", "promo", "bon"),
        digit=True,
    ),
    "AMOUNT": Rule(
        re.compile(
            rf"(?i:[€£$] ?\d|\d[\d .,]{{0,12}} ?(?:k|millions? (?:d')?)? ?{_CURRENCY}"
            rf"|\b(?:{_NUMBER_WORD})[\s\-](?:\w+[\s\-]){{0,3}}?{_CURRENCY}|\b(?:eur|gbp|usd) ?\d)"
        ),
        ("€", "£", "$", "gbp", "pound", "livre", "usd", "dollar", "quid", "centime", "pence"),
        # "eur" as a word or after a number's k: "valeur" and "conseiller" end as honest words do.
        hint=re.compile(r"[eE][uU][rR](?<![A-JL-Za-jl-z][eE][uU][rR])"),
    ),
}
