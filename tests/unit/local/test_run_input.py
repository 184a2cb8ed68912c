"""What may be given as a run's input."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie_local.errors import RunError
from vigie_local.settings import LocalSettings
from vigie_operations.progress import RunProgress
from vigie_operations.run import run


@pytest.mark.parametrize("text", ["limit=50", "[1]", "'{}'"])
def test_input_that_is_no_json_object_is_refused_with_an_example(text: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"INPUT=.*For example INPUT='\{\"limit\": 50\}'"):
        run(LocalSettings(home=tmp_path), text)


def test_progress_says_planning_until_the_plan_is_there() -> None:
    assert RunProgress().line() == "planning"
    assert RunProgress(50, {"analyse": 20}).line() == "analysed 20, predicted 0, decided 0 of 50"
