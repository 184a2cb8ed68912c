"""How a command of this project ends: its exit code, and a reader that goes away (`| head`) is no failure."""

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TextIO


class PatientOutput:
    """An output that ignores a closed pipe: a load is not broken off by `| head`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write; what cannot be written is dropped."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Flush what was written."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _drop(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def run_command(main: Callable[[], int]) -> NoReturn:
    """Run a command line and exit with its code."""
    sys.stdout, sys.stderr = PatientOutput(sys.stdout), PatientOutput(sys.stderr)
    try:
        code = main()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        code = 130
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
