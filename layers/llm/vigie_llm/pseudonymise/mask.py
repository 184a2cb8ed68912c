"""Runs every detector over one message and replaces what they found."""

from .addresses import find_addresses
from .dates import find_birth_dates, find_dates
from .folding import View, read_plainly
from .identity import KnownIdentity, Pseudonymised
from .known_names import find_known_names, name_forms
from .known_values import find_known_values
from .numbers import find_numbers
from .online import find_online
from .persons import find_persons
from .plates import find_plates
from .spans import Found, replace, settle
from .spelled import digits_skeleton, letters_skeleton, tokenise


def pseudonymise(text: str, known: KnownIdentity, language: str) -> Pseudonymised:
    """The text with placeholders such as <NAME_1>; the same entity gets the same one.

    `language` is "fr" or "en" and only settles what is ambiguous. Nothing that would
    allow going back to the values is kept.
    """
    view = read_plainly(text)
    return replace(view, settle(_find(view, known, language)))


def _find(view: View, known: KnownIdentity, language: str) -> list[Found]:
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
    found += find_persons(view, tokens, forms)
    return found
