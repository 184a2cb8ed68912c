"""Write what a module's `run()` returns, as JSON: `python -m tests.bench.run_module MODULE PATH`."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """`MODULE` has a function `run` whose arguments all have defaults; `PATH` gets its figures as JSON."""
    name, path = arguments
    Path(path).write_text(json.dumps(importlib.import_module(name).run()))


if __name__ == "__main__":
    main(sys.argv[1:])
