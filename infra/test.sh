#!/bin/sh
# What `make test` does after the environment is up to date: style, formatting, types, then every test.
# Arguments go to pytest; without any, all tests run.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
# Beside what every target needs, what stands for an AWS account.
./infra/bootstrap.sh for-tests
bin="$root/.venv/bin"

find_chromium() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" 2>/dev/null && return 0
    done
    for path in "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
        if [ -x "$path" ]; then echo "$path"; return 0; fi
    done
    return 1
}

if [ -z "${CHROMIUM:-}" ] && ! CHROMIUM=$(find_chromium); then
    CHROMIUM=''
    echo "No Chromium here: the browser tests are skipped. Debian, Ubuntu: sudo apt install chromium. macOS: brew install --cask chromium."
    if [ "${CI:-}" = true ]; then
        echo "CI=true: every test has to run, so this is an error." >&2
        exit 1
    fi
fi
export CHROMIUM

echo "ruff check"
"$bin/ruff" check --quiet .
echo "ruff format"
"$bin/ruff" format --quiet --check .
echo "mypy --strict"
"$bin/mypy" --no-error-summary .
echo "import rules"
./infra/lint_imports.sh
echo "pytest"
# Tests bring their own homes and ports; what is set for a running local cloud must not reach them.
unset VIGIE_HOME POSTGRES_PORT LOCALSTACK_PORT MODEL_PORT DASHBOARD_PORT CUSTOMERS \
    GROQ_API_KEY LLM_BASE_URL LLM_MODEL LLM_API_KEY LLM_ALLOW_CLEARTEXT AWS_ENDPOINT_URL AWS_PROFILE
exec "$bin/python" -m pytest -n "${TEST_WORKERS:-2}" --dist loadscope "$@"
