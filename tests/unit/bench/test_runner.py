"""The benchmark's command line: what is chosen, what is written, and when it fails."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import pytest

from tests.bench import __main__ as runner
from tests.bench.machine import describe_commit, describe_machine
from tests.bench.options import Options
from tests.bench.parts import PARTS, LonePart, choose
from tests.bench.table import Row, lines
from vigie_operations.errors import RunError


def part(name: str, figures: dict[str, Any] | None) -> LonePart:
    """A part that gives these figures, or cannot measure."""

    def run(_options: Options) -> dict[str, Any]:
        if figures is None:
            raise RunError("the run failed")
        return figures

    return LonePart(name, "a stand-in", run, lambda found: [Row(key, str(value)) for key, value in found.items()])


def test_without_a_choice_everything_is_measured() -> None:
    assert choose("") == list(PARTS)


def test_chosen_parts_are_measured_in_their_own_order() -> None:
    assert [one.name for one in choose(" idle , pipeline")] == ["pipeline", "idle"]


def test_an_unknown_part_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="ONLY=speed is unknown: use pipeline"):
        choose("speed")


def test_an_unknown_part_ends_with_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--only", "speed"]) == 2
    assert "pipeline" in capsys.readouterr().err


def test_a_size_below_one_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--only", "idle", "--customers", "0"]) == 2
    assert "--customers 0" in capsys.readouterr().err


def test_the_list_names_every_part_and_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--list"]) == 0
    out = capsys.readouterr().out
    assert all(one.name in out for one in PARTS)


def test_figures_are_written_with_machine_and_commit(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    assert runner.measure([part("pipeline", {"customers": 3})], Options(), path) == 0
    written = json.loads(path.read_text())
    assert written["pipeline"] == {"customers": 3}
    assert set(written["machine"]) == {"cores", "memory_gib", "python", "os", "processor"}
    assert {"commit", "changed_files", "measured_at"} <= set(written)


def test_a_part_that_cannot_measure_fails_the_whole_and_keeps_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    assert runner.measure([part("broken", None), part("whole", {"a": 1})], Options(), path) == 1
    written = json.loads(path.read_text())
    assert written["whole"] == {"a": 1}
    assert "broken" not in written
    assert "broken could not be measured: the run failed" in capsys.readouterr().err


def test_a_missed_bar_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.measure([part("slow", {"seconds": 900})], Options(), None) == 0
    assert "900" in capsys.readouterr().out


def test_the_machine_is_described_without_its_name_or_a_path() -> None:
    text = json.dumps(describe_machine() | describe_commit())
    assert platform.node() not in text
    assert str(Path.home()) not in text


def test_a_table_shows_figure_ratio_and_bar() -> None:
    head, *_, row = lines("Title", [Row("seconds", "30.0", "0.50", "60 or less")])
    assert head == "Title"
    assert row.split() == ["seconds", "30.0", "0.50", "60", "or", "less"]
