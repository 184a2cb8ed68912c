"""Run every detector over one message and replace what they found."""

from vigie_llm.identity import KnownIdentity, Pseudonymised
from vigie_llm.pseudonymise.addresses import find_addresses
from vigie_llm.pseudonymise.dates import find_birth_dates, find_dates
from vigie_llm.pseudonymise.known_names import find_known_names
from vigie_llm.pseudonymise.known_values import find_known_values
from vigie_llm.pseudonymise.mail_names import find_mail_names
from vigie_llm.pseudonymise.name_forms import name_forms
from vigie_llm.pseudonymise.numbers import find_numbers
from vigie_llm.pseudonymise.online import find_online
from vigie_llm.pseudonymise.persons import find_persons
from vigie_llm.pseudonymise.plates import find_plates
from vigie_llm.pseudonymise.spans import Found, replace, settle
from vigie_llm.pseudonymise.spelled_out_names import find_spelled_out_names
from vigie_llm.text.folding import FoldedText, read_plainly
from vigie_llm.text.spelled import digits_skeleton, letters_skeleton, tokenise


def pseudonymise(text: str, known: KnownIdentity, language: str) -> Pseudonymised:
    """The text with placeholders such as <NAME_1>; the same entity gets the same one.

    `language` is "fr" or "en" and only settles what is ambiguous. Nothing that would
    allow going back to the values is kept.
    """
    view = read_plainly(text)
    return replace(view, settle(_find(view, known, language)))


def _find(view: FoldedText, known: KnownIdentity, language: str) -> list[Found]:
    tokens = tokenise(view.low)
    digits = digits_skeleton(tokens)
    dated = find_dates(view)
    forms = name_forms(known.first_name or "", known.last_name or "")
    found = find_known_values(view, tokens, letters_skeleton(tokens), digits, dated, known)
    found += find_online(view, forms.words)
    found += find_numbers(view, digits, language)
    found += find_birth_dates(view, dated)
    found += find_plates(view)
    found += find_addresses(view)
    found += find_known_names(view, tokens, forms)
    found += find_spelled_out_names(view, forms)
    found += find_persons(view, tokens, forms)
    found += find_mail_names(view, tokens, found, forms)
    return found
