"""Run `python -m awslambdaric <handler>` in a function's process, which ends when LocalStack does.

Started as a script by the Python of the runtime environment: it sees nothing of Vigie's own packages.
"""

import importlib.util
import os
import runpy
import signal
import sys
import threading


def _end_with_localstack() -> None:
    """Wait until the other end of standard input closes, which happens when LocalStack is gone."""
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> None:
        os.read(lifeline, 1)
        os.kill(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def _offer_pure_python_client() -> None:
    """awslambdaric compiles its client for Linux only."""
    if importlib.util.find_spec("runtime_client") is None:
        sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fallback"))


def _arm_failpoints(folder: str, handler: str) -> None:
    """Only the chaos suite gives a folder."""
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "failpoints.py")
    runpy.run_path(place)["arm"](folder, handler)


if __name__ == "__main__":
    _end_with_localstack()
    _offer_pure_python_client()
    if len(sys.argv) > 2:
        _arm_failpoints(sys.argv.pop(), sys.argv[1])
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
