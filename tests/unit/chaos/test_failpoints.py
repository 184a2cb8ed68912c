"""Failpoints: a process ends at the crossing that was asked for, once, and at no other; without a file, nothing."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
IN_FUNCTION = ROOT / "infra" / "vigie_localstack" / "executor" / "in_function"
CROSSES = """
    import sys
    sys.path.insert(0, sys.argv[1])
    from failpoints import Failpoints
    points = Failpoints(sys.argv[2], "nlp_agent")
    for number in range(1, 5):
        print(number, flush=True)
        points.end_at("before-commit")
"""
WRITES = """
    import sys, time
    sys.path.insert(0, sys.argv[1])
    from failpoints import arm
    arm(sys.argv[2], "nlp_agent.handler.lambda_handler")
    sys.stderr.write(f"{time.time():.0f}")
    print("a line")
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), str(IN_FUNCTION), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_process_ends_at_the_crossing_asked_for_and_the_next_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "nlp_agent.before-commit").write_text("3")
    first, second = run(CROSSES, tmp_path), run(CROSSES, tmp_path)
    assert (first.returncode, first.stdout.split()) == (-signal.SIGKILL, ["1", "2", "3"])
    assert (second.returncode, second.stdout.split()) == (0, ["1", "2", "3", "4"])


def test_another_agents_file_and_another_boundary_are_not_for_this_one(tmp_path: Path) -> None:
    (tmp_path / "action_agent.before-commit").write_text("1")
    (tmp_path / "nlp_agent.after-commit").write_text("1")
    assert run(CROSSES, tmp_path).returncode == 0


def test_crossings_are_counted_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "crossings").touch()
    run(CROSSES, tmp_path)
    assert (tmp_path / "crossings").read_text().splitlines() == ["nlp_agent before-commit"] * 4


def test_a_full_disk_takes_no_line_and_a_wrong_clock_is_wrong_by_what_it_says(tmp_path: Path) -> None:
    right = run(WRITES, tmp_path)
    (tmp_path / "log-full").touch()
    (tmp_path / "clock").write_text("7200")
    wrong = run(WRITES, tmp_path)
    assert right.stdout == "a line\n"
    assert wrong.stdout == ""
    assert os.strerror(errno.ENOSPC) in wrong.stderr
    assert int(wrong.stderr[:10]) - int(right.stderr[:10]) == pytest.approx(7200, abs=30)


def test_only_the_chaos_suite_hands_functions_a_folder() -> None:
    """No setting of the local cloud, and nothing in the template, names it."""
    named = [
        path.relative_to(ROOT).as_posix()
        for folder in ("functions", "layers", "infra", "tests/chaos")
        for path in (ROOT / folder).rglob("*.py")
        if "VIGIE_FAILPOINTS" in path.read_text(encoding="utf-8")
    ]
    assert sorted(named) == [
        "infra/vigie_localstack/executor/function_process.py",
        "infra/vigie_localstack/executor/in_function/failpoints.py",
        "tests/chaos/environment.py",
    ]
    assert "FAILPOINTS" not in (ROOT / "template.yaml").read_text(encoding="utf-8")
