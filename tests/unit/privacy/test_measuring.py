"""Fuzzing, generated messages, scores, and the tool that prints them."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluations.evaluate_privacy import main
from tests.evaluations.privacy import fuzz
from tests.evaluations.privacy.corpus import LabelledMessage, generate
from tests.evaluations.privacy.labelled import CannotMeasureError, read_labelled, strip_annotations
from tests.evaluations.privacy.masking_scores import score
from vigie_llm.pseudonymise import Span

DEV_SET = Path(__file__).parents[2] / "data/feedback_dev.jsonl"
EXTRA_SET = Path(__file__).parents[2] / "data/feedback_extra.jsonl"


@settings(max_examples=600)
@given(st.integers(0, 2**64), st.sampled_from(["fr", "en"]))
def test_no_disguise_of_a_known_identifier_gets_through(seed: int, language: str) -> None:
    message = fuzz.disguise(random.Random(seed), language)
    assert fuzz.leak(message) is None, message.text


def test_the_fuzzer_sees_a_leak_when_nothing_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    from vigie_llm.pseudonymise import Pseudonymised

    monkeypatch.setattr(fuzz, "pseudonymise", lambda text, _known, _language: Pseudonymised(text, {}, ()))
    rng = random.Random(1)
    seen = [fuzz.leak(fuzz.disguise(rng, "fr")) is not None for _ in range(300)]
    assert sum(seen) > 280


@pytest.mark.parametrize("language", ["fr", "en"])
def test_generated_messages_are_labelled_right_and_repeatable(language: str) -> None:
    messages = generate(300, 3, language)
    assert messages == generate(300, 3, language)
    assert len({m.text for m in messages}) > 290
    assert {s.label for m in messages for s in m.spans} >= {"CUSTOMER_NAME", "OTHER_NAME", "IBAN", "IP", "PLATE"}
    phones = [m.text[s.start : s.end] for m in messages for s in m.spans if s.label == "PHONE"]
    assert all(sum(c.isdigit() for c in phone) >= 9 for phone in phones)


def test_the_bar_is_met_on_the_labelled_files_and_on_generated_messages() -> None:
    from tests.evaluations.evaluate_privacy import masked_spans

    for messages in (
        read_labelled(DEV_SET),
        read_labelled(EXTRA_SET),
        generate(300, 11, "fr") + generate(300, 11, "en"),
    ):
        measured = score(messages, masked_spans)
        assert min(measured["fr"]["f2"], measured["en"]["f2"]) >= 0.95


def test_scores_are_precision_recall_and_f2_by_overlap_with_the_same_label() -> None:
    known = read_labelled(DEV_SET)[0].known
    text = "abcdefghij"
    mentions = (Span(0, 4, "PHONE"), Span(5, 9, "EMAIL"))
    message = LabelledMessage(text, mentions, known, "fr")
    found = [Span(0, 2, "PHONE"), Span(5, 6, "EMAIL"), Span(9, 10, "CARD")]
    figures = score([message], lambda _message: found)["fr"]
    assert figures["labels"]["PHONE"] == {"mentions": 1, "precision": 1.0, "recall": 1.0, "f2": 1.0}
    assert figures["labels"]["EMAIL"]["recall"] == 0.0
    assert (figures["precision"], figures["recall"], figures["f2"]) == (0.5, 0.5, 0.5)
    assert figures["characters_left"] == 0.625


def test_annotations_become_spans() -> None:
    assert strip_annotations("a [[PHONE|06]] [b] [[NAME|x]]") == (
        "a 06 [b] x",
        (Span(2, 4, "PHONE"), Span(9, 10, "NAME")),
    )


def test_a_faulty_line_is_named_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"text": "a", "customer": {}, "language": "fr"}\n{"text": 3}\n', "utf-8")
    with pytest.raises(CannotMeasureError, match="line 2"):
        read_labelled(file)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("no json", "Expecting value"),
        ('{"text": "a", "customer": {}}', "'language' is missing"),
        ('{"text": "a", "language": "de"}', "language 'de' is not known; use fr or en"),
        ("[1]", "list"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(line, "utf-8")
    with pytest.raises(CannotMeasureError, match="line 1") as caught:
        read_labelled(file)
    assert problem in str(caught.value)


def test_a_file_that_is_not_utf_8_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_bytes(b'{"text": "\xe9"}')
    with pytest.raises(CannotMeasureError, match="save the file as UTF-8"):
        read_labelled(file)


def test_other_line_ends_blank_lines_more_fields_and_missing_ones_are_read(tmp_path: Path) -> None:
    rows = [
        {
            "text": "un\u2028deux [[PHONE|trois]]",
            "language": "fr",
            "customer": {"customer_number": 12345678},
            "more": 1,
        },
        {"text": "four", "language": "en"},
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    file = tmp_path / "x.jsonl"
    file.write_bytes(("\ufeff" + "\r\n\r\n".join(lines) + "\r\n").encode())
    french, english = read_labelled(file)
    assert (french.text, french.known.customer_number) == ("un\u2028deux trois", "12345678")
    assert (english.text, english.known.first_name) == ("four", None)


def test_the_tool_writes_its_figures_and_never_fails_for_a_low_one(tmp_path: Path) -> None:
    row = {"text": "rien [[PHONE|du tout]]", "customer": {"first_name": "A", "last_name": "B"}, "language": "fr"}
    source, target = tmp_path / "in.jsonl", tmp_path / "out.json"
    source.write_text(json.dumps(row) + "\n", "utf-8")
    options = ["--json", str(target), "--generated", "3", "--fuzz", "3", "--no-presidio"]
    assert main([str(source), *options]) == 0
    measured = json.loads(target.read_text("utf-8"))
    assert set(measured) >= {"fr", "en", "ms_p95"}
    assert measured["en"]["messages"] == 0
    assert measured["fr"]["f2"] == 0.0
    assert measured["fr"]["labels"]["PHONE"]["recall"] == 0.0
    assert measured["ms_p95"] > 0
    assert measured["fuzz"]["messages"] == 3


def test_the_tool_fails_when_there_is_nothing_to_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.jsonl")]) == 1
    assert "none.jsonl" in capsys.readouterr().err


@pytest.mark.slow
def test_presidio_is_measured_beside_without_a_download(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    assert main([str(DEV_SET), "--json", str(target), "--generated", "0", "--fuzz", "0"]) == 0
    reference = json.loads(target.read_text("utf-8"))["presidio"]
    assert reference["en"]["labels"]["IBAN"]["f2"] == 1.0
