"""Names that an e-mail address gives away: after "adviser.dunbar@…" the word Dunbar is a person."""

import re
from collections.abc import Iterable

from vigie_llm.pseudonymise.name_forms import NameForms
from vigie_llm.pseudonymise.person_cues import NOT_NAME, ROLES
from vigie_llm.pseudonymise.spans import GUESSED, Found
from vigie_llm.text.folding import FoldedText
from vigie_llm.text.lexicon import ordinary_words
from vigie_llm.text.spelled import Token

_WORD = re.compile(r"[a-z]{4,}")


def find_mail_names(view: FoldedText, tokens: list[Token], found: Iterable[Found], forms: NameForms) -> list[Found]:
    """Capitalised words of the text that are part of another person's address in it."""
    mails = [view.low[f.start : f.end].partition("@")[0] for f in found if f.label == "EMAIL"]
    words = {word for mail in mails for word in _WORD.findall(mail)} - ordinary_words() - NOT_NAME - ROLES
    words -= {*forms.first, *forms.last}
    return [
        Found(t.start, t.end, "OTHER_NAME", GUESSED)
        for t in tokens
        if t.text in words and view.clean[t.start].isupper()
    ]
