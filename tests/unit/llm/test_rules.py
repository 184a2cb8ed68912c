"""The signs of a rule never hide what its pattern would find."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.injection.variants import generated
from vigie_llm.answer_scan import _RULES
from vigie_llm.guard_patterns import ANSWER_RULES
from vigie_llm.guard_reading import make_plain
from vigie_llm.obfuscation_rules import CASELESS_OBFUSCATION_RULES, OBFUSCATION_RULES
from vigie_llm.rules import Rule, Searched

DATA = Path(__file__).parents[2] / "data"
# One for each way in which a pattern may match.
EXAMPLES = """
See https://bonus.example/x|www.bonus.example|mailto:me|[here](/x)|Visit bonus.example today|HXXP://x|a-b.-c.com
Ask @marie_d|Call 06 12 34 56 78|dial 3949 now|12 rue Haute|12 Upper Street|SW1A 1AA
code WELCOME|the bon "abcd"|ABC-12345|SAVE20|100 €|£ 5|10keur|10 millions d'euros|fifty pounds|dix eur|EUR 5|ten quid
trois cents livres|twenty five bucks|deux mille euros|100 keur|vingt centimes|5 pence|dix gbp|9 usd
%41%42%43|aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=|Abcdefgh12|abcdefghijkl==|M a r i e D|12 %|vingt pour cent|five per cent
5 percent|1234|1 2 3|bonus dot com|point fr|the dot is|bonus .com|bonus, com slash x|bonus com slash|a // b|moc.elpmaxe
arobase|underscore|hashtag x|M4rie|D*lacr*ix|DELACROIX|V.I.P.|.- -. ... --|.... ---- .... ---- x
5 k|5k|five grand|billets de vingt|dix balles|many quid|un millier d'euros|demi-douzaine|une centaine de livres
code word|passphrase|use the code x|password: x|mot de passe est x|pin six|le code est Arc|code promo: x
one two three|vingt et un deux|twenty, thirty-four five|dix rue|twelve street|six bis rue|a=b|a_b|system prompt|api key
cle api|api_key|prompt systeme|bcdfgh|xkcdqt
""".replace("\n", "|").split("|")


def all_rules() -> list[tuple[str, Rule, Callable[[str], str]]]:
    """Each rule with how the texts are written that it is tried on."""
    tables: list[tuple[dict[str, Rule], Callable[[str], str]]] = [
        (ANSWER_RULES, make_plain),
        (_RULES, str),
        (OBFUSCATION_RULES, make_plain),
        (CASELESS_OBFUSCATION_RULES, lambda text: make_plain(text).lower()),
    ]
    return [(label, rule, written) for table, written in tables for label, rule in table.items()]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Examples alone and within sentences, what attackers want said, and messages, in both cases."""
    source = random.Random(4)
    sentences = [
        json.loads(line)["text"]
        for name in ("feedback_dev", "feedback_extra")
        for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    examples = [example for example in EXAMPLES if example]
    within = [f"{source.choice(sentences)} {example} {source.choice(sentences)}" for example in examples]
    wishes = [text for variant in generated(7) for text in (variant.wish, variant.text)]
    plain = [*examples, *within, *wishes, *sentences]
    return [*plain, *(text.upper() for text in plain), *(text.lower() for text in plain)]


@pytest.mark.parametrize(("rule", "written"), [pytest.param(r, w, id=label) for label, r, w in all_rules()])
def test_what_a_pattern_finds_is_found_with_its_signs(
    rule: Rule, written: Callable[[str], str], texts: list[str]
) -> None:
    matching = [text for text in map(written, texts) if rule.pattern.search(text)]

    missed = [text for text in matching if not rule.is_broken_by(Searched.of(text))]

    assert missed == []
    assert len(matching) > 3


@pytest.mark.parametrize(("rule", "written"), [pytest.param(r, w, id=label) for label, r, w in all_rules()])
def test_a_sign_alone_breaks_no_rule(rule: Rule, written: Callable[[str], str], texts: list[str]) -> None:
    honest = [text for text in map(written, texts) if not rule.pattern.search(text)]

    assert not any(rule.is_broken_by(Searched.of(text)) for text in honest)
    assert honest


def test_a_digit_of_another_alphabet_is_a_digit() -> None:
    assert Searched.of("appelez le ٣٩٤٩").has_digit
    assert ANSWER_RULES["PHONE"].is_broken_by(Searched.of("appelez le ٣٩٤٩"))
