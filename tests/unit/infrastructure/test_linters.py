"""AWS's own checkers pass on the template and on the state machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.infrastructure.conftest import ROOT, STATE_MACHINE
from vigie_local.build import sam_environment
from vigie_local.settings import load_settings

# AWS documents ReaderConfig.InputType as required for a JSON manifest; the Python port of statelint does not know it.
WRONGLY_REFUSED = 'Field "InputType" not allowed in State Machine.States.Batches.ItemReader.ReaderConfig'


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=300, env=environment or None,
    )  # fmt: skip


def program(name: str) -> Path:
    """A tool of the environment that runs the tests."""
    return Path(sys.executable).parent / name


def test_cfn_lint_passes_on_the_template() -> None:
    result = run(program("cfn-lint"), "--regions", "us-east-1", "eu-west-3", "--", "template.yaml")
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_sam_validates_the_template() -> None:
    settings = load_settings({})
    sam = settings.tools / "sam" / "bin" / "sam"
    if not sam.exists():
        pytest.skip(f"the SAM CLI is not installed in {settings.tools}: make deploy-local installs it")
    result = run(sam, "validate", "--lint", "--region", "us-east-1", **sam_environment(settings))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "is a valid SAM Template" in result.stdout + result.stderr


def test_statelint_passes_on_the_state_machine() -> None:
    result = run(program("statelint"), STATE_MACHINE)
    heading, *problems = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    assert (heading, problems) == ("One error:", [WRONGLY_REFUSED])
