"""A name spelled out letter by letter: "D-U-P-O-N-T", "k e v i n"."""

import re

from vigie_llm.pseudonymise.name_forms import NameForms, edit_distance_at_most
from vigie_llm.pseudonymise.spans import NAME_KNOWN, NAMED, Found
from vigie_llm.text.folding import FoldedText

_LETTERS = re.compile(r"(?<![\w'.\-])[a-z](?:([ .,\-·/]{1,2})[a-z])(?:\1[a-z]){2,24}(?![\w'])")
_SPELLING = re.compile(r"\b(?:epel\w*|s'ecrit|ecrit|nom|prenom|name|spel[lt]\w*|surname)\b[^\n]{0,30}$")


def find_spelled_out_names(view: FoldedText, forms: NameForms) -> list[Found]:
    """Find letters that together are the customer's name, or a name by the words before them."""
    found: list[Found] = []
    for match in _LETTERS.finditer(view.low):
        word = re.sub(r"[\W_]", "", match.group())
        if any(_is_near(word, own) for own in (*forms.words, *forms.joined, "".join((*forms.first, *forms.last)))):
            found.append(Found(*match.span(), "CUSTOMER_NAME", NAME_KNOWN))
        elif _SPELLING.search(view.low[max(0, match.start() - 45) : match.start()]):
            found.append(Found(*match.span(), "OTHER_NAME", NAMED))
    return found


def _is_near(word: str, own: str) -> bool:
    return len(own) > 3 and edit_distance_at_most(word, own, 1)
