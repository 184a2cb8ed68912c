"""Commands whose output goes to `head`: no traceback, the work is done all the same, and the exit code says so."""

import subprocess
import sys
from pathlib import Path

import pytest

from vigie_local.settings import REPOSITORY, service_environment

CASES = Path(__file__).parents[2] / "data" / "cases"
MODULES = [
    "model.draft", "model.load", "model.train", "model.evaluate", "model.promote", "model.outcomes", "model.card",
    "model.synthesise", "model.bench", "vigie_local", "tests.evaluations.cost",
    "tests.evaluations.claims", "tests.bench", "tests.chaos", "tests.evaluations.evaluate_privacy",
    "tests.evaluations.evaluate_analysis",
]  # fmt: skip


def run_with_a_reader_who_leaves(*command: str) -> tuple[int, str]:
    """Exit code and error output of a command whose output is a pipe that nobody reads any more."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=REPOSITORY, env=service_environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    said = process.stderr.read()
    return process.wait(timeout=300), said


def test_a_draft_is_written_although_no_one_reads_the_output(tmp_path: Path) -> None:
    out = tmp_path / "bom.toml"
    asked = ["--data", str(CASES / "bom.csv"), "--label", "churn", "--positive", "Yes", "--id", "id", "--no-cost"]
    assert run_with_a_reader_who_leaves("-m", "model.draft", *asked, "--out", str(out)) == (0, "")
    assert out.is_file()


def test_work_continues_behind_a_closed_pipe_and_keeps_its_exit_code(tmp_path: Path) -> None:
    done = tmp_path / "done"
    program = (
        "from vigie.command_line import run_command\nfrom pathlib import Path\n"
        "def main():\n    print('x' * 100_000, flush=True)\n    print('y')\n"
        f"    Path({str(done)!r}).touch()\n    return 3\n"
        "run_command(main)"
    )
    assert run_with_a_reader_who_leaves("-c", program) == (3, "")
    assert done.exists()


@pytest.mark.parametrize("module", MODULES)
def test_every_command_ends_through_the_same_door(module: str) -> None:
    roots = [REPOSITORY, REPOSITORY / "infra"]
    candidates = [root.joinpath(*module.split(".")) for root in roots]
    files = [c / "__main__.py" if c.is_dir() else c.with_suffix(".py") for c in candidates]
    source = next(f for f in files if f.is_file()).read_text(encoding="utf-8")
    assert 'if __name__ == "__main__":\n    run_command(main)' in source
