#!/bin/sh
# Installs cosmic-ray in an environment of its own (.local/mutation), then runs the mutation tests.
set -eu
cd "$(dirname -- "$0")/.."
folder=.local/mutation
lock=requirements/mutation.lock
if ! cmp -s "$lock" "$folder/.vigie-lock"; then
    .local/tools/bin/uv venv -q --clear --no-project --python .venv/bin/python "$folder"
    .local/tools/bin/uv pip sync -q --python "$folder/bin/python" --require-hashes "$lock"
    cp "$lock" "$folder/.vigie-lock"
fi
exec .venv/bin/python -m tests.evaluations.mutation "$@"
