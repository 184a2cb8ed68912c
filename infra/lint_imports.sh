#!/bin/sh
# Checks which package imports which (tool.importlinter in pyproject.toml); says something only when a rule is broken.
set -eu
cd "$(dirname -- "$0")/.."
# Functions are not installed: each is found below its own folder.
PYTHONPATH=$(printf '%s:' functions/*/)
export PYTHONPATH
found=$(.venv/bin/lint-imports --no-cache 2>&1) || { printf '%s\n' "$found" >&2; exit 1; }
