"""The mutation tests' plan names modules and tests that exist, and unit tests only."""

import tomllib

import pytest

from tests.evaluations.mutation import PLAN, main
from tests.unit.infrastructure.conftest import ROOT

MODULES = tomllib.loads(PLAN.read_text(encoding="utf-8"))["modules"]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_and_its_tests_exist(module: str) -> None:
    assert (ROOT / module).is_file()
    assert MODULES[module]
    for tests in MODULES[module]:
        assert (ROOT / tests).exists(), tests
        assert tests.startswith("tests/unit/")


def test_a_module_that_is_not_planned_is_refused_with_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "unheard-of"]) == 2
    assert "ONLY=unheard-of names no module of mutation.toml: layers/common" in capsys.readouterr().err
