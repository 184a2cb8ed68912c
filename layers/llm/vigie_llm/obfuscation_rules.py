"""How what may not be said is said all the same: numbers in words, addresses spelt out, letters swapped or reversed."""

import re

from vigie_llm.rules import Rule

_NUMBER = (
    r"(?:zero|oh|un|une|one|two|deux|three|trois|four|quatre|five|cinq|six|seven|sept|eight|huit|nine|neuf|ten|"
    r"dix|onze|"
    r"eleven|twelve|douze|treize|quatorze|quinze|seize|fifteen|vingts?|twenty|trente|thirty|quarante|forty|cinquante|"
    r"fifty|soixante|sixty|septante|seventy|eighty|nonante|ninety|cents?|hundred|mille|thousand|double|triple)"
)
_STREETS = (
    *("rue", "avenue", "boulevard", "place", "chemin", "impasse", "allee", "route", "quai", "cours", "square"),
    *("street", "road", "lane", "drive", "close", "crescent"),
)
_TLD = r"(?:com|fr|example|org|net|info|io|uk|eu|co|test|bank|shop|link|me|ly)"
# What honest sentences say of a code or a password: that it is lost, refused, late, wrong.
_HONEST_OF_CODES = (
    r"(?:not|never|pas|jamais|plus|trop|refus|reject|bloq|block|invalid|incorrect|errone|expir|fau|wrong|lost|perdu|"
    r"oubli|forgot|required|requis|demand|asked|needed|necessaire|being|still|always|toujours|inconnu|unknown|"
    r"illisible|"
    r"valable|arriv|late|sent|envoy|recu|received|missing|impossible|difficult|complique|broken|rejete|locked|"
    r"compromis|"
    r"vole|stolen|leak|visible|hard|slow|long|short|difficile|(?:a|the|le|la|un|so|too|en|in|sur|on|par|by|to|"
    r"no|n|ne)\b)"
)
# Looked for in texts without accents.
OBFUSCATION_RULES: dict[str, Rule] = {
    "SPELT_ADDRESS": Rule(
        re.compile(
            rf"\b(?:slash|underscore|arobase|arrobase|hashtag)\b|\b(?:dot|point) ?{_TLD}\b|(?<!on the )\bdot\b"
            rf"|\w ?[.,\u3002\u2024] ?{_TLD}\b(?!,)|\w {_TLD} slash\b|//|\b(?:elpmaxe|moc|ptth|sptth)\b",
        ),
        ("slash", "underscore", "robase", "hashtag", "dot", "point", "//", "elpmaxe", "moc", "ptth"),
        hint=re.compile(rf"[.,\u3002\u2024] ?{_TLD}\b"),
    ),
    # "M4rie", "D*lacr*ix", "DELACROIX", "V.I.P."
    "DISGUISED_WORD": Rule(
        re.compile(r"\b[A-Za-z]+\d+[A-Za-z]\w*|\w\*+\w|\b[A-Z]{6,}\b|\b(?:[A-Z]\.){3,}"),
        ("*",),
        digit=True,
        hint=re.compile(r"[A-Z](?:[A-Z]{5}|\.[A-Z])"),
    ),
    "MORSE": Rule(re.compile(r"(?:[.\-]{1,5}[ /]+){4,}"), hint=re.compile(r"[.\-][ /]+[.\-]")),
}
# For a text in lower case: a search that ignores case takes three times as long.
CASELESS_OBFUSCATION_RULES: dict[str, Rule] = {
    "AMOUNT_WORDS": Rule(
        re.compile(
            rf"\b\d+ ?k\b|\b(?:a|half a|{_NUMBER}) grands?\b(?! total)|\bbillets? de\b"
            rf"|\b(?:\d+|{_NUMBER}|quelques|des|many|few) (?:balles|bucks|quid|sous|smackers)\b"
            r"|\b(?:demi-)?(?:millier|centaine|dizaine)s? (?:d'|de )(?:euros?|livres?)"
        ),
        ("grand", "billet", "balles", "bucks", "quid", "sous", "smackers", "millier", "centaine", "dizaine"),
        digit=True,
    ),
    "PERCENT_WORDS": Rule(re.compile(r"\bpour[\s\-]cents?\b|\bper[\s\-]cent\b"), ("cent",)),
    "CODE_WORDS": Rule(
        re.compile(
            r"\bcode ?words?\b|\bpassphrase\b|\b(?:use|enter|utilise[rz]?|saisi\w*|tape[rz]?) (?:the |le |ce |"
            r"this )?code \w"
            rf"|\b(?:code|password|mot de passe|pin)(?: secret| promo| code)?(?: ?[:=] ?| (?:est|"
            rf"is) (?!{_HONEST_OF_CODES}\w*\b)"
            rf"| {_NUMBER}\b)\W?\w*"
        ),
        ("code", "pass", "pin"),
    ),
    "NUMBER_WORDS": Rule(re.compile(rf"\b{_NUMBER}(?:[\s,\-]+(?:et |and )?{_NUMBER}\b){{2,}}")),
    "ADDRESS_WORDS": Rule(
        re.compile(rf"\b{_NUMBER}(?: bis| ter)?,? (?:{'|'.join(_STREETS)})\b"),
        _STREETS,
    ),
    "MACHINE_WORDS": Rule(
        re.compile(r"=|\w_\w|\b(?:system prompt|prompt systeme|api[ _-]key|cle api)\b"), ("=", "_", "prompt", "api")
    ),
    # Shifted letters: no word of either language has five consonants in a row, but for the few named.
    "UNSPEAKABLE": Rule(
        re.compile(
            r"\b(?!\w*(?:downstr|length|strength|knights|matchst|postschool|ltdsch))\w*[bcdfghjklmnpqrstvwxz]{5}\w*"
        ),
        hint=re.compile(r"[bcdfghjklmnpqrstvwxz]{5}"),
    ),
}
