"""One walk through the tree finds what each pattern by itself would."""

import pytest

from vigie_model_server.lexicon import Lexicon
from vigie_model_server.pattern_tree import tree_of


def spans(text: str, *patterns: str) -> list[tuple[str, int, int]]:
    """Pattern, start and end of every hit; each pattern is its own group."""
    lexicon = Lexicon(tree_of((pattern, 1.0, pattern) for pattern in patterns), {}, {})
    return [(hit.group, hit.start, hit.end) for hit in lexicon.hits(text.split())]


@pytest.mark.parametrize(
    ("pattern", "text", "end"),
    [
        ("fee", "fee", 1),
        ("fee*", "fees", 1),
        ("fee|charge*", "charged", 1),
        ("no ? fee", "no more fee", 3),
        ("no fee|cost*", "no costs", 2),
        ("no a*|ab*", "no abc", 2),
        ("close ... account", "close account", 2),
        ("close ... account", "close my , old account", 5),
        ("close ... my ... account", "close down my old account", 5),
        ("close ... a|b", "close b a", 2),
        ("close ...", "close it", 1),
    ],
)
def test_a_pattern_is_found_once_and_ends_after_its_last_word(pattern: str, text: str, end: int) -> None:
    assert spans(text, pattern) == [(pattern, 0, end)]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("fee", "fees"),
        ("fee*", "fe"),
        ("no fee", "no"),
        ("no ? fee", "no , fee"),
        ("no ? fee", "no fee"),
        ("close ... account", "close one two three four account"),
        ("close ... account", "close . account"),
        ("close ... account", "close my"),
    ],
)
def test_a_pattern_is_not_found_in_a_text_that_does_not_fit(pattern: str, text: str) -> None:
    assert spans(text, pattern) == []


def test_patterns_that_share_their_beginning_are_all_found_in_the_word_lists_order() -> None:
    patterns = ("no fee at all", "no fee", "no ... all", "no f*", "no ? at")
    assert spans("no fee at all", *patterns) == [
        ("no fee at all", 0, 4),
        ("no fee", 0, 2),
        ("no ... all", 0, 4),
        ("no f*", 0, 2),
        ("no ? at", 0, 3),
    ]


def test_a_word_goes_before_its_stems_and_a_short_stem_before_a_long_one() -> None:
    found = spans("charged it", "charge*", "ch* it", "charged", "x*")
    assert found == [("charged", 0, 1), ("ch* it", 0, 2), ("charge*", 0, 1)]


def test_a_pattern_is_found_at_each_place() -> None:
    assert spans("fee , fee", "fee") == [("fee", 0, 1), ("fee", 2, 3)]
