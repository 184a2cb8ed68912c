"""E-mail addresses, personal pages, handles, IP addresses and number plates."""

import ipaddress
import re

from vigie_llm.pseudonymise.spans import VALIDATED, Found
from vigie_llm.text.folding import FoldedText
from vigie_llm.text.lexicon import words

_AT = r"(?: @ |@| ?[(\[{<] ?(?:at|a|arobase|arobas|chez|@) ?[)\]}>] ?| (?:arobase|arobas|arrobase|arobaz) )"
_DOT = r"(?: \. (?=[a-z])|\.(?=[a-z])| ?[(\[{<] ?(?:dot|point|pt|\.) ?[)\]}>] ?| (?:dot|point|pt) )"
_LOCAL = (
    r"(?!(?:me|us|him|her|them|it|is|reach|mail|email|e-mail|adresse|address|au|a|ou|est|write|ecrire|look|"
    r"compte|account|am|on)\s)[a-z0-9][\w.+\-]*(?:(?: (?:dot|point|pt|tiret(?: du)? bas|tiret|dash|hyphen|"
    r"underscore|moins) | ?[(\[](?:dot|point)[)\]] ?)[\w+\-]+){0,4}"
)
_EMAIL = re.compile(r"(?<![\w.+\-])[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)*\.[a-z]{2,}")
_SPOKEN_EMAIL = re.compile(
    rf"(?<![\w.+\-])({_LOCAL})(?:{_AT}[a-z0-9\-]+(?:{_DOT}[a-z0-9\-]+){{1,3}}|(?: at | chez )[a-z0-9\-]+(?:(?: "
    rf"(?:dot|point) | ?[(\[](?:dot|point)[)\]] ?)[a-z0-9\-]+){{1,3}})"
)
_AT_WORD_EMAIL = re.compile(
    r"(?<![\w.+\-])([a-z0-9]+(?:[._+\-][a-z0-9]+)+|[a-z]+\d+)(?: at |"
    r" chez )(?=[\d\-]*[a-z])[a-z0-9\-]+(?:\.[a-z0-9\-]+)*\.[a-z]{2,}\b"
)
# What those two, and links, cannot be without: most messages have neither, and it is quickly seen.
_SOME_AT = re.compile(r"@|[(\[{<] ?a ?[)\]}>]|\b(?:at|arob\w*|arrobase|chez)\b")
_SOME_LINK = re.compile(r"[.:]\S")
_TLD = (
    r"(?:com|fr|org|net|info|io|me|eu|uk|co\.uk|dev|page|blog|site|app|example|test|invalid|xyz|be|ch|ca|de|"
    r"es|it|pt|pro|name|bzh|paris|tv|fm|ly|gg|link|online|photo|photos|art|social|club|studio|space|website|"
    r"re|cat|scot|wales|london|ie)"
)
_URL = re.compile(
    rf"(?<![\w@.\-])(?:(?:https?|hxxps?)(?:://|:)[^\s<>\"'»«]+|www\.[^\s<>\"'»«]+|(?:[a-z0-9\-]+\.)+{_TLD}(?![\w"
    rf"\-.]*@)\b(?:/[^\s<>\"'»«]*)?)"
)
_ORDERED = re.compile(
    r"(?:curl|wget|fetch|click|cliqu\w+|visit\w*|send|envo\w+|transmet\w*|forward|redirect\w*|redirig\w*|"
    r"post|include|inclu\w+|insert|ins[ee]r\w+|ajoute\w*|add|append"
    r"|recommand\w*|recommend|tell (?:the|every|all)|invite\w*|output|ecris|write|reply|repon\w+|link|"
    r"lien|open|ouvre|appelle|load|charge|download|telecharge\w*|ignore\w*|assistant|system|prompt|model\w*|"
    r"hxxp)\b"
)
_MINE = re.compile(
    r"\b(?:mon|ma|mes|my|our|notre|je|j'\w+|i|i've|perso|personal|blog|portfolio|profil|profile|recit|page|"
    r"preuves?|evidence|photos?|capture\w*|screenshots?|log|boutique|shop)\b"
)
_HANDLE = re.compile(r"(?<![\w@.+\-/])@[a-z_][\w.]{1,29}(?:@[\w\-]+(?:\.[\w\-]+)+)?(?<![.])(?![\w@])")
_NAMED_HANDLE = re.compile(
    r"\b(?:insta(?:gram)?|tik ?tok|twitter|x|snap(?:chat)?|telegram|discord|bluesky|mastodon|linked ?in|"
    r"facebook|fb|reddit|twitch|youtube|threads|whatsapp|skype|steam|pseudo(?:nyme)?|handle|user ?name|"
    r"login|screen name|nickname|forum|user|utilisateur)"
    r"(?: (?:account|name|compte|handle|pseudo|page|profile|profil))?(?: ?[:=] ?| (?:is|est|c'est|:|as|"
    r"under|sous|sous le nom de|me trouve) | ?\(? ?[\"'«] ?| )"
    r"(?P<name>(?:u/)?[a-z][a-z0-9]*(?:[._\-#]?[a-z0-9]+)*[._#]?\d*)(?![\w@])"
)
_HANDLE_BEFORE = re.compile(
    r"(?<![\w@.])(?P<name>[a-z][a-z0-9]*(?:[._][a-z0-9]+)*[._\d][a-z0-9]*)(?= (?:sur|on) (?:insta|snap|tik ?tok|"
    r"twitter|"
    r"x\b|facebook|fb|telegram|discord|bluesky|mastodon|linkedin|reddit|threads|whatsapp|youtube|twitch))"
)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?(?![\w:])")
_VERSION = re.compile(r"(?:version|v|ios|android|app|appli|firmware|build|release|maj)\.? ?$")
_OFFICIAL = re.compile(
    r"@(?:\w*(?:bank|banque|support|help|service|official|officiel|fca|acpr|cnil|ico|hsbc|bnp|sg|lcl|barclays|"
    r"natwest|lloyds|monzo|starling|revolut|santander|nationwide|boursobank|fortuneo|n26|creditagricole|vigie)\w*)"
    r"$"
)


def find_online(view: FoldedText, name_words: frozenset[str]) -> list[Found]:
    """Addresses and names used online; `name_words` are the customer's own, lower case."""
    low = view.low
    found: list[Found] = []
    if "@" in low:
        found += [Found(*m.span(), "EMAIL", VALIDATED) for m in _EMAIL.finditer(low)]
        found += [
            Found(*m.span(), "HANDLE", VALIDATED - 2) for m in _HANDLE.finditer(low) if not _OFFICIAL.match(m.group())
        ]
    if _SOME_AT.search(low):
        for pattern in (_SPOKEN_EMAIL, _AT_WORD_EMAIL):
            found += [Found(*m.span(), "EMAIL", VALIDATED + 3) for m in pattern.finditer(low)]
    if _SOME_LINK.search(low):
        found += _urls(low, name_words)
    if " sur " in low or " on " in low:
        found += [Found(*m.span("name"), "HANDLE", VALIDATED - 3) for m in _HANDLE_BEFORE.finditer(low)]
    found += [f for m in _NAMED_HANDLE.finditer(low) if (f := _named_handle(m, name_words)) is not None]
    found += _ips(low)
    return found


def _urls(low: str, name_words: frozenset[str]) -> list[Found]:
    found: list[Found] = []
    for m in _URL.finditer(low):
        end = m.start() + len(m.group().rstrip(".,;:!?)]}'\""))
        if _is_personal(low, m.start(), end, name_words):
            found.append(Found(m.start(), end, "URL", VALIDATED))
    return found


def _is_personal(low: str, start: int, end: int, name_words: frozenset[str]) -> bool:
    """Not a link that an order to the reader brings along: that one is no one's page."""
    url = low[start:end]
    if any(len(word) > 2 and word in url for word in name_words):
        return True
    if re.search(r"[?&]\w{1,8}=(?:\W|$)|[{<\[]", url):
        return False
    before = re.split(r"[.!?\n]\s", low[max(0, start - 90) : start])[-1]
    ordered, mine = _ORDERED.search(before), _MINE.search(before)
    return bool(mine) or not ordered


_NOT_HANDLE = words(
    "est is et and ou or pour for sur on le la les the my mon ma account compte de du app page mais but"
)


def _named_handle(match: re.Match[str], name_words: frozenset[str]) -> Found | None:
    name = match["name"]
    telling = any(c in name for c in "._#") or (any(c.isdigit() for c in name) and any(c.isalpha() for c in name))
    telling = telling or any(len(w) > 3 and w in name for w in name_words)
    if not telling or name in _NOT_HANDLE or re.fullmatch(r"\d+", name):
        return None
    if re.search(rf"\.{_TLD}$", name):
        return None
    start, end = match.span("name")
    return Found(start, end, "HANDLE", VALIDATED - 3)


def _ips(low: str) -> list[Found]:
    found: list[Found] = []
    for m in _IPV4.finditer(low):
        if _is_ip(m.group()) and not _VERSION.search(low[max(0, m.start() - 12) : m.start()]):
            found.append(Found(*m.span(), "IP", VALIDATED))
    if "::" in low or low.count(":") >= 4:
        found += [
            Found(*m.span(), "IP", VALIDATED) for m in _IPV6.finditer(low) if len(m.group()) > 3 and _is_ip(m.group())
        ]
    return found


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
