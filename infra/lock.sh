#!/bin/sh
# Resolves pyproject.toml anew and writes every lock: names, versions and hashes, and no download address.
# docs/decisions/0002-lock-files.md says why.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
uv="$root/.local/tools/bin/uv"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export_lock() { # project-folder target options...
    folder=$1
    target=$2
    shift 2
    (cd "$folder" && "$uv" export -q --frozen --no-emit-project --no-annotate --no-header \
        --format requirements.txt "$@") > "$work/exported"
    if grep -E 'https?://|file:' "$work/exported"; then
        echo "$target would hold an address: a lock has to work behind any mirror." >&2
        exit 1
    fi
    cp "$work/exported" "$target"
    echo "  $target ($(grep -c '==' "$target") packages)"
}

# A one-line project around a list of requirements.
wrap() { # list folder
    mkdir "$2"
    {
        printf '[project]\nname = "wrapped"\nversion = "0"\nrequires-python = "==3.13.*"\ndependencies = [\n'
        grep -v -e '^#' -e '^$' "$1" | sed 's/.*/    "&",/'
        printf ']\n[tool.uv]\npackage = false\n'
    } > "$2/pyproject.toml"
    (cd "$2" && "$uv" lock -q --python "$root/.venv/bin/python")
}

echo "Resolving pyproject.toml and requirements/*.in"
mkdir "$work/vigie"
cp pyproject.toml "$work/vigie/"
(cd "$work/vigie" && "$uv" lock -q --python "$root/.venv/bin/python")
export_lock "$work/vigie" requirements/vigie.lock --all-groups
export_lock "$work/vigie" requirements/runtime.lock --only-group runtime
for layer in common llm scoring; do
    export_lock "$work/vigie" "layers/$layer/requirements.txt" --only-group "layer-$layer"
done
for environment in sam tools ministack strangers checkov mutation; do
    wrap "requirements/$environment.in" "$work/$environment"
    export_lock "$work/$environment" "requirements/$environment.lock"
done
echo "Run make test, then commit the locks together with what changed them."
