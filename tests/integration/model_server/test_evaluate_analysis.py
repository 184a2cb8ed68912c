"""`evaluate-analysis` measures through the agent's own path, and says so when it cannot."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evaluations.analysis_figures import Finding
from tests.evaluations.evaluate_analysis import main, measure, raw_text
from vigie_llm.errors import AnswerRejectedError

from .conftest import RunningServer

DEVELOPMENT_SET = Path(__file__).parents[2] / "data" / "feedback_dev.jsonl"

Run = Callable[..., int]


@pytest.fixture
def run(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("EVALUATION_KEY", "right-key")

    def run(file: Path, *more: str) -> int:
        return main([str(file), "--base-url", server.url, "--api-key-env", "EVALUATION_KEY", *more])

    return run


def test_the_rules_reach_the_bars_on_the_development_set(run: Run, tmp_path: Path) -> None:
    assert run(DEVELOPMENT_SET, "--json", str(tmp_path / "figures.json")) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["sentiment_accuracy"] >= 0.75
    assert figures["topic_micro_f1"] >= 0.60
    assert figures["texts"] == 150
    assert set(figures["languages"]) == {"fr", "en"}


def test_annotations_and_identifiers_do_not_reach_the_model(server: RunningServer, run: Run, tmp_path: Path) -> None:
    row = json.loads(DEVELOPMENT_SET.read_text(encoding="utf-8").splitlines()[1])
    (tmp_path / "one.jsonl").write_text(json.dumps(row))
    assert run(tmp_path / "one.jsonl") == 0
    assert server.control(path="/requests")["matching"] == 1
    for hidden in ("[[", "Bihan", "venelle"):
        assert server.control(path=f"/requests?contains={hidden}")["matching"] == 0


def test_invalid_answers_are_counted_and_no_reason_to_fail(
    server: RunningServer, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.set(rates={"wrong_json": 1.0})
    lines = DEVELOPMENT_SET.read_text(encoding="utf-8").splitlines()[:4]
    (tmp_path / "few.jsonl").write_text("\n".join(lines))
    assert run(tmp_path / "few.jsonl", "--json", str(tmp_path / "figures.json")) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["invalid"] == 4
    assert figures["sentiment_accuracy"] == 0


def test_it_cannot_measure_without_a_file(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "missing.jsonl") == 1
    assert "missing.jsonl" in capsys.readouterr().err


def test_it_names_the_line_and_the_field_that_is_missing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "x", "language": "fr", "topics": [], "intent_to_leave": false}\n')
    assert run(tmp_path / "bad.jsonl") == 1
    assert "line 1: sentiment missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("sentiment", "angry", "sentiment 'angry' is not known, use one of positive"),
        ("topics", ["fees", "queues"], "topics queues not known"),
        ("topics", "fees", "topics 'fees' not known"),
        ("language", "de", "language 'de' is not known, use fr or en"),
    ],
)
def test_it_says_what_is_wrong_with_a_label_and_what_is_right(
    field: str, value: object, problem: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"text": "x", "language": "fr", "sentiment": "neutral", "topics": ["fees"], field: value}
    (tmp_path / "bad.jsonl").write_text("\n" + json.dumps(row))
    assert run(tmp_path / "bad.jsonl") == 1
    assert f"line 2: {problem}" in capsys.readouterr().err


def test_it_reads_other_line_ends_more_fields_and_missing_ones(run: Run, tmp_path: Path) -> None:
    row = {"text": "Frais scandaleux.", "language": "fr", "sentiment": "negative", "topics": ["fees"], "more": 1}
    lines = ["\ufeff" + json.dumps(row), "", json.dumps(row | {"customer": {"first_name": "Zoé"}}), ""]
    (tmp_path / "other.jsonl").write_bytes("\r\n".join(lines).encode())
    assert run(tmp_path / "other.jsonl", "--json", str(tmp_path / "figures.json")) == 0
    assert json.loads((tmp_path / "figures.json").read_text())["texts"] == 2


def test_it_cannot_measure_a_model_that_refuses_the_key(
    server: RunningServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.set(accepted_keys=["another"])
    assert run(DEVELOPMENT_SET) == 1
    assert "401" in capsys.readouterr().err


def test_figures_are_right_on_a_hand_counted_example() -> None:
    rows = [
        {"language": "fr", "sentiment": "negative", "topics": ["fees", "card"], "intent_to_leave": True, "text": "a"},
        {"language": "en", "sentiment": "mixed", "topics": ["loan"], "intent_to_leave": False, "text": "b"},
        {"language": "en", "sentiment": "neutral", "topics": ["other"], "intent_to_leave": False, "text": "c"},
    ]
    answers = {
        "a": Finding("negative", frozenset({"fees"}), True),
        "b": Finding("negative", frozenset({"loan", "rates"}), True),
    }

    def analyse(row: object) -> Finding:
        assert isinstance(row, dict)
        if row["text"] not in answers:
            raise AnswerRejectedError(["SCHEMA"])
        return answers[row["text"]]

    figures = measure(rows, analyse, 1)
    assert figures["sentiment_accuracy"] == round(1 / 3, 4)
    assert figures["topic_micro_f1"] == round(2 * 2 / (2 * 2 + 1 + 2), 4)
    assert figures["intent_to_leave_f1"] == round(2 / 3, 4)
    assert figures["invalid"] == 1
    assert figures["languages"]["fr"]["sentiment_accuracy"] == 1.0


def test_annotations_give_way_to_what_the_customer_wrote() -> None:
    assert raw_text("Call [[PHONE|07700 900123]] [today]") == "Call 07700 900123 [today]"
