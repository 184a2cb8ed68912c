#!/bin/sh
# What keeps Vigie from running on this machine, before or after anything is installed: `make doctor`.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit 1
for python in .venv/bin/python "${PYTHON:-}" python3.13 python3 python; do
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
        # A relative path: the folder's own may hold a colon.
        PYTHONPATH=infra exec "$python" -m vigie_local.doctor
    fi
done
# No Python to look further with: says so, and how to get one.
./infra/bootstrap.sh find-python
