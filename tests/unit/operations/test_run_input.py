"""What may be given as a run's input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vigie_operations.errors import RunError
from vigie_operations.progress import RunProgress
from vigie_operations.run import run
from vigie_operations.targets import local_target


@pytest.mark.parametrize("text", ["limit=50", "[1]", "'{}'"])
def test_input_that_is_no_json_object_is_refused_with_an_example(text: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"INPUT=.*For example INPUT='\{\"limit\": 50\}'"):
        run(local_target(4566, tmp_path), text)


def test_progress_says_planning_until_the_plan_is_there() -> None:
    assert RunProgress().line() == "planning"
    assert RunProgress(50, {"analyse": 20}).line() == "analysed 20, predicted 0, decided 0 of 50"


def test_progress_says_how_many_of_those_who_ended_failed() -> None:
    progress = RunProgress(50, {"analyse": 20, "predict": 5}, {"analyse": 12, "predict": 0})
    assert progress.line() == "analysed 20 (12 failed), predicted 5, decided 0 of 50"


def test_a_file_that_is_not_there_or_holds_no_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be read \(No such file"):
        run(local_target(4566, tmp_path), f"@{tmp_path / 'missing.json'}")
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(RunError, match="is not a JSON object"):
        run(local_target(4566, tmp_path), f"@{tmp_path / 'list.json'}")


def test_an_input_of_12000_ids_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "ids.json"
    file.write_text(json.dumps({"customer_ids": [f"00000000-0000-4000-8000-{number:012}" for number in range(12_000)]}))
    with pytest.raises(RunError, match="is 468018 bytes; Step Functions takes 262144, which is about 6,500"):
        run(local_target(4566, tmp_path), f"@{file}")
