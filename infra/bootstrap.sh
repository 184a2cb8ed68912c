#!/bin/sh
# Prepares the three Python environments from their locks; does nothing when they are up to date.
#
#   .venv            the local cloud, the dashboard, training, tests   requirements/vigie.lock
#   .local/runtime   stands in for AWS's managed Python runtime        requirements/runtime.lock
#   .local/sam       the standard SAM command line                     requirements/sam.lock
#   .local/tools     uv, which installs the others                     requirements/tools.lock
#
# `bootstrap.sh for-tests` prepares two more, which only the tests use:
#
#   .local/ministack an AWS emulator that is not LocalStack            requirements/ministack.lock
#   .local/strangers other people's tools of transparency logs         requirements/strangers.lock
#   .local/checkov   a reader of templates                             requirements/checkov.lock
#
# PYTHON=/path/to/python3.13 chooses the interpreter.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
local_dir="$root/.local"
tools="$local_dir/tools"
log="$local_dir/logs/bootstrap.log"
# Lets .venv/bin/python find Vigie's own packages from any folder: `python -m vigie.verify`.
packages="$root/.venv/lib/python3.13/site-packages"
paths="$packages/vigie.pth"
# What an installer would write of vigie_localstack, which is used where it lies: LocalStack finds the executor by it.
metadata="$packages/vigie_localstack-0.1.0.dist-info"

# Environments of an earlier kind, whose programs begin with the path they were installed to, are made anew.
fingerprint() { printf 'relocatable-%s' "$(cksum < "$1" | tr ' ' '-')"; }

up_to_date() { # folder lock
    [ -x "$1/bin/python" ] && [ -f "$1/.vigie-lock" ] &&
        [ "$(cat "$1/.vigie-lock")" = "$(fingerprint "$2")" ] && "$1/bin/python" -c '' 2>/dev/null
}

# Relative to where they are written: the clone may be moved, and its name may hold any character.
import_paths() { for part in layers/common layers/llm layers/scoring infra .; do echo "../../../../$part"; done; }

entry_points() {
    printf '%s\n' '[localstack.lambda.runtime_executor]' \
        'process = vigie_localstack.executor.plugin:ProcessRuntimeExecutorPlugin'
}

write_metadata() {
    mkdir -p "$metadata"
    entry_points > "$metadata/entry_points.txt"
    printf '%s\n' 'Metadata-Version: 2.1' 'Name: vigie_localstack' 'Version: 0.1.0' > "$metadata/METADATA"
    # The list of files by which the installer removes it when the lock has changed; it is written anew then.
    for file in METADATA RECORD entry_points.txt; do echo "${metadata##*/}/$file,,"; done > "$metadata/RECORD"
}

all_up_to_date() {
    [ -x "$tools/bin/uv" ] && up_to_date "$root/.venv" requirements/vigie.lock &&
        up_to_date "$local_dir/runtime" requirements/runtime.lock &&
        up_to_date "$local_dir/sam" requirements/sam.lock && [ "$(cat "$paths" 2>/dev/null)" = "$(import_paths)" ] &&
        [ "$(cat "$metadata/entry_points.txt" 2>/dev/null)" = "$(entry_points)" ] &&
        [ -x "$root/.venv/bin/vigie" ] &&
        { [ -z "$for_tests" ] || { up_to_date "$local_dir/ministack" requirements/ministack.lock &&
            up_to_date "$local_dir/strangers" requirements/strangers.lock &&
            up_to_date "$local_dir/checkov" requirements/checkov.lock; }; }
}

for_tests=''
if [ "${1:-}" = for-tests ]; then for_tests=yes; fi
if [ "${1:-}" != find-python ] && all_up_to_date; then exit 0; fi

say() { printf '%s\n' "$*"; }

fail() { printf '\n%s\n' "$*" >&2; exit 1; }

require_usable_folder() {
    case $root in *:*)
        fail "The folder's name holds a colon, which separates folders in PATH: $root
Rename it, or clone again elsewhere." ;;
    esac
    [ "$(printf %s "$root" | wc -l)" -eq 0 ] || fail "The folder's name holds a line break: rename it."
    # PostgreSQL's limit for a path is 1,023 bytes, below which its own files need some.
    [ "$(printf %s "$root" | wc -c)" -le 700 ] || fail "The folder's path is longer than 700 bytes: clone nearer to /."
    mkdir -p "$local_dir/logs" "$tools" 2>/dev/null && touch "$local_dir/logs/bootstrap.log" 2>/dev/null ||
        fail "$local_dir cannot be written by $(id -un 2>/dev/null || id -u): is it read-only, full, or another user's?"
}

# uv needs a folder to download to; the usual one may be missing, read-only or another user's.
choose_cache() {
    if [ -n "${UV_CACHE_DIR:-}" ]; then return 0; fi
    usual=${XDG_CACHE_HOME:-${HOME:-}/.cache}/uv
    if [ -z "${XDG_CACHE_HOME:-}${HOME:-}" ] || ! mkdir -p "$usual" 2>/dev/null || [ ! -w "$usual" ]; then
        export UV_CACHE_DIR="$local_dir/cache/uv"
    fi
}

home=${HOME:-}

take_lock() {
    # Two makes at once (tests beside a deployment) must not install into the same folder.
    lock="$tools/bootstrap.lock"
    waited=0
    until mkdir "$lock" 2>/dev/null; do
        owner=$(cat "$lock/pid" 2>/dev/null || true)
        # A maker that has just made the folder has not written its number yet: give it two seconds.
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then rm -rf "$lock"; continue; fi
        if [ -z "$owner" ] && [ "$waited" -ge 2 ]; then rm -rf "$lock"; continue; fi
        [ "$waited" -gt 0 ] || say "Waiting for another installation in this folder to finish."
        waited=$((waited + 1))
        sleep 1
    done
    echo $$ > "$lock/pid"
    trap 'rm -rf "$lock"' EXIT
    trap 'exit 130' INT TERM
    if all_up_to_date; then exit 0; fi
}

# Runs a command into the log, with a line that shows that it is alive.
with_progress() { # label command...
    label=$1
    shift
    started=$(date +%s)
    printf '  %s ...' "$label"
    printf '\n== %s: %s\n' "$label" "$*" >> "$log"
    "$@" >> "$log" 2>&1 &
    child=$!
    shown=0
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2 2>/dev/null || sleep 1
        passed=$(($(date +%s) - started))
        if [ $((passed - shown)) -ge 10 ]; then
            shown=$passed
            printf ' %ss' "$passed"
        fi
    done
    status=0
    wait "$child" || status=$?
    if [ "$status" -ne 0 ]; then
        say " failed. The last lines of ${log#"$root"/}:"
        tail -n 25 "$log" >&2
        return "$status"
    fi
    say " done ($(($(date +%s) - started)) s)"
}

# A pyenv shim exists and fails, a distribution's Python may lack modules: only one that really runs counts.
usable() {
    [ -n "$1" ] && [ "$("$1" -c '
import sys, ctypes, sqlite3, ssl, venv, zlib
print(sys.version_info[:2] == (3, 13))' 2>/dev/null)" = True ]
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        if usable "$PYTHON"; then echo "$PYTHON"; return 0; fi
        fail "PYTHON=$PYTHON is not a working Python 3.13. Unset it, or point it at one."
    fi
    for candidate in python3.13 python3 python \
        "${PYENV_ROOT:-$home/.pyenv}"/versions/3.13*/bin/python \
        "${ASDF_DATA_DIR:-$home/.asdf}"/installs/python/3.13*/bin/python \
        "$home"/.local/share/mise/installs/python/3.13*/bin/python \
        "$home"/.local/share/uv/python/cpython-3.13*/bin/python3.13 \
        /opt/homebrew/opt/python@3.13/bin/python3.13 /usr/local/opt/python@3.13/bin/python3.13 \
        /usr/local/bin/python3.13 /usr/bin/python3.13 /opt/python3.13/bin/python3.13 /opt/python/3.13*/bin/python \
        /Library/Frameworks/Python.framework/Versions/3.13/bin/python3.13; do
        if usable "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    if command -v uv >/dev/null 2>&1; then
        printf '%s\n' "  No Python 3.13 here: asking uv for one ..." >&2
        if uv python install -q 3.13 >&2 && candidate=$(uv python find 3.13 2>/dev/null) && usable "$candidate"; then
            echo "$candidate"
            return 0
        fi
    fi
    return 1
}

missing_python='Vigie needs Python 3.13 (LocalStack fails later with 3.11 and 3.12), and found none that runs.
Get it in one of these ways, then repeat the command:
  macOS           brew install python@3.13
  Debian, Ubuntu  sudo apt install python3.13 python3.13-venv   (Debian 13, Ubuntu 25.04 and later)
  Fedora          sudo dnf install python3.13
  pyenv           pyenv install 3.13
  anywhere        install uv (docs.astral.sh/uv): Vigie then fetches Python through it
Or name one you have: PYTHON=/path/to/python3.13 make deploy-local'

install_uv() {
    if [ -x "$tools/bin/uv" ] && "$tools/bin/uv" --version >/dev/null 2>&1; then return 0; fi
    rm -rf "$tools/bin"
    if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
        mkdir -p "$tools/bin"
        ln -s "$(command -v uv)" "$tools/bin/uv"
        return 0
    fi
    # Debian ships venv without pip in a package of its own; the message is in the log.
    with_progress "uv, the installer" sh -c '"$1" -m venv "$2" &&
        "$2/bin/python" -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements/tools.lock' \
        sh "$python" "$tools" ||
        fail "Could not install uv. On Debian and Ubuntu: sudo apt install python3.13-venv. Or install uv yourself."
}

sync_environment() { # label folder lock
    if up_to_date "$2" "$3"; then return 0; fi
    rm -f "$2/.vigie-lock"
    if ! { grep -q '^relocatable = true' "$2/pyvenv.cfg" 2>/dev/null && usable "$2/bin/python"; }; then
        rm -rf "$2"
        "$tools/bin/uv" venv -q --no-project --relocatable --python "$python" "$2" >> "$log" 2>&1 ||
            fail "Could not create $2 with $python: see $log."
    fi
    with_progress "$1" "$tools/bin/uv" pip sync --python "$2/bin/python" --require-hashes "$3" ||
        fail "Could not install $3. Check the network, your package mirror and the space left, then repeat the command."
    fingerprint "$3" > "$2/.vigie-lock"
}

if [ "${1:-}" = find-python ]; then
    find_python || fail "$missing_python"
    exit 0
fi
require_usable_folder
choose_cache
# uv opens many files at once; some systems begin with 256.
ulimit -n 4096 2>/dev/null || true
if [ -n "${TMPDIR:-}" ] && [ ! -d "$TMPDIR" ]; then unset TMPDIR; fi
chmod 700 "$local_dir/logs"
take_lock
started_at=$(date +%s)
say "Preparing the environment from the locks (once; about 1.9 GB)"
: > "$log"
python=$(find_python) || { [ -z "${PYTHON:-}" ] || exit 1; fail "$missing_python"; }
install_uv
sync_environment "function runtime  (.local/runtime)" "$local_dir/runtime" requirements/runtime.lock
sync_environment "SAM command line  (.local/sam)" "$local_dir/sam" requirements/sam.lock
sync_environment "local cloud, dashboard, tools  (.venv)" "$root/.venv" requirements/vigie.lock
if [ -n "$for_tests" ]; then
    sync_environment "stand-in for an account  (.local/ministack)" "$local_dir/ministack" requirements/ministack.lock
    sync_environment "other people's verifiers (.local/strangers)" "$local_dir/strangers" requirements/strangers.lock
    sync_environment "reader of the template  (.local/checkov)" "$local_dir/checkov" requirements/checkov.lock
fi
import_paths > "$paths"
write_metadata
# The command `vigie`, found next to its Python wherever the clone is moved.
printf '%s\n' '#!/bin/sh' 'exec "$(dirname -- "$0")/python" -m vigie_operations "$@"' > "$root/.venv/bin/vigie"
chmod 755 "$root/.venv/bin/vigie"
# Where Python may write no bytecode, every process that scores would compile NumPy anew (0.2 s).
"$root/.venv/bin/python" -m compileall -q -j 0 "$root"/.venv/lib/python3.13/site-packages/numpy >> "$log" 2>&1 || true
say "  ready in $(($(date +%s) - started_at)) s"
