#!/usr/bin/env bash
# Brings the stack up in containers as a user would, looks at what only a running engine can show, and takes
# everything down again, also when something fails. `make test-containers`; about 4 minutes on two idle cores.
#
#   STAND_IN=1       base images built on this machine where none can be pulled (stand_in.sh: debootstrap, root)
#   START_ENGINE=1   starts an engine of its own (dockerd, root), apart from one that runs, and stops it at the end
#   POSTGRES_PORT LOCALSTACK_PORT DASHBOARD_PORT   35432, 34566, 38501
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Owned by this user alone: clone, key and the engine's own files.
work=$(mktemp -d)
clone="$work/clone"
engine=
made_images=()
export POSTGRES_PORT="${POSTGRES_PORT:-35432}" LOCALSTACK_PORT="${LOCALSTACK_PORT:-34566}"
export DASHBOARD_PORT="${DASHBOARD_PORT:-38501}" CUSTOMERS=200
export COMPOSE_PROJECT_NAME="vigie-smoke-$$"
unset GROQ_API_KEY GROQ_API_KEY_FILE LLM_API_KEY LLM_BASE_URL LLM_MODEL COMPOSE_FILE
key="sk-smoke-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }
fail() { printf '\nFAILED: %s\n' "$*" >&2; exit 1; }
compose() { docker compose --project-directory "$clone" "$@"; }
inside() { compose exec -T "$@" < /dev/null; }

take_down() {
    status=$?
    trap - EXIT
    if [ "$status" -ne 0 ]; then compose logs --tail 40 2>/dev/null || true; fi
    say "Taking everything down"
    compose down --volumes --remove-orphans --timeout 20 >/dev/null 2>&1 || true
    # With an engine of our own, all that it holds goes.
    if [ -z "$engine" ]; then
        for image in "${made_images[@]}"; do docker image rm --force "$image" >/dev/null 2>&1 || true; done
    fi
    stop_engine
    rm -rf "$work" || status=1
    if ! is_gone; then status=1; fi
    exit "$status"
}

# Nothing of ours may be left: no process, no mount.
is_gone() {
    if ! grep -qF "$work" /proc/mounts && ! pgrep -f -- "$work" >/dev/null; then return 0; fi
    grep -F "$work" /proc/mounts >&2 || true
    pgrep -af -- "$work" >&2 || true
    printf 'FAILED: the processes or mounts above are left\n' >&2
    return 1
}

# A program of this machine's network settings, or nothing where it is missing.
with_rules() {
    if command -v "$1" >/dev/null; then "$@"; fi
}

# An engine makes a bridge, rules of the firewall and routing, and leaves them; another engine may need them, too.
remember_network() {
    if [ -e /sys/class/net/docker0 ]; then return 0; fi
    with_rules iptables-save > "$work/rules4"
    with_rules ip6tables-save > "$work/rules6"
    cat /proc/sys/net/ipv4/ip_forward > "$work/forwarding"
}

restore_network() {
    if [ ! -e "$work/forwarding" ]; then return 0; fi
    with_rules ip link delete docker0 2>/dev/null || true
    restore_rules iptables "$work/rules4"
    restore_rules ip6tables "$work/rules6"
    cat "$work/forwarding" > /proc/sys/net/ipv4/ip_forward || true
}

# Of a table that had no rules, nothing was saved.
restore_rules() {
    local table
    for table in filter nat; do
        with_rules "$1" --table "$table" --flush 2>/dev/null || true
        with_rules "$1" --table "$table" --delete-chain 2>/dev/null || true
    done
    with_rules "$1" --policy FORWARD ACCEPT || true
    with_rules "$1-restore" < "$2" || true
}

start_engine() {
    say "Starting an engine"
    remember_network
    export DOCKER_HOST="unix://$work/docker.sock"
    dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
        > "$work/dockerd.log" 2>&1 &
    engine=$!
    for _ in $(seq 120); do
        if docker info >/dev/null 2>&1; then return 0; fi
        if ! kill -0 "$engine" 2>/dev/null; then break; fi
        sleep 0.5
    done
    tail -n 20 "$work/dockerd.log" >&2
    fail "the engine did not start"
}

stop_engine() {
    if [ -z "$engine" ]; then return 0; fi
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    restore_network
}

require_compose() {
    local version
    version=$(docker compose version --short 2>/dev/null) ||
        fail "'docker compose' is missing: install Compose 2 or newer (the program docker-compose is version 1)"
    case ${version#v} in
        [01].*) fail "'docker compose' is version $version: install Compose 2 or newer" ;;
    esac
}

require_engine() {
    command -v docker >/dev/null || fail "the program docker is missing: install Docker Engine (Debian: docker.io)"
    require_compose
    if [ "${START_ENGINE:-}" = 1 ]; then start_engine; fi
    docker info >/dev/null 2>&1 || fail "no engine answers: start one, or say START_ENGINE=1"
    docker image inspect vigie-local >/dev/null 2>&1 || made_images+=(vigie-local)
}

prepare_images() {
    if [ "${STAND_IN:-}" != 1 ]; then return 0; fi
    say "Stand-ins for the base images"
    local image
    while read -r image; do made_images+=("$image"); done < <("$root/infra/containers/stand_in.sh")
}

# The clone of somebody with umask 077, who keeps keys and customers' files in it.
make_clone() {
    (
        umask 077
        mkdir -p "$clone"
        cd "$root"
        git ls-files --cached --others --exclude-standard -z | tar --null --ignore-failed-read -T - -c |
            tar -x --no-same-permissions -C "$clone"
        chmod -R go= "$clone"
        for folder in "$clone" "$clone"/{data,docs,functions,infra,layers/llm,model,tests,dashboard/.streamlit}; do
            mkdir -p "$folder"
            for name in .env customers.csv customers dump.sql clients.xlsx; do echo planted-in-clone > "$folder/$name"; done
        done
        echo planted-in-clone > "$clone/dashboard/.streamlit/secrets.toml"
        # Settings, so that compose reads a file that makes sense.
        : > "$clone/.env"
        printf '%s\n' "$key" > "$work/key"
    )
    chmod 644 "$work/key"
    export LLM_API_KEY_FILE="$work/key"
}

check_refusals() {
    local said name
    for name in GROQ_API_KEY LLM_API_KEY; do
        said=$(export "$name=$key" && compose up --no-start 2>&1) && fail "a key in $name is not refused"
        case $said in *"set ${name}_FILE"*) ;; *) fail "the refusal names no remedy: $said" ;; esac
    done
}

check_image() {
    say "What is in the image"
    local found
    found=$(docker run --rm --network none --entrypoint sh vigie-local -c \
        'grep -rlI planted-in-clone /vigie --exclude-dir=.venv --exclude-dir=.local --exclude=smoke.sh; find /vigie -maxdepth 2 -name ".env*"' || true)
    [ -z "$found" ] || fail "files of the clone that are none of the project's are in the image: $found"
}

check_run() {
    say "A run"
    inside cloud make --no-print-directory run || fail "the run did not succeed"
    inside cloud make --no-print-directory verify-audit || fail "the audit log is not valid"
}

check_commands() {
    say "Commands inside"
    local said
    said=$(inside cloud make --no-print-directory status)
    printf '%s\n' "$said"
    if [ "$(printf '%s\n' "$said" | grep -c ' running ')" != 4 ]; then fail "status does not show four running services"; fi
    inside cloud make --no-print-directory model-card || fail "no model card"
    inside cloud make --no-print-directory claims ARGS='--only reasons-can-be-read' || fail "claims"
    said=$(inside cloud make --no-print-directory down 2>&1) && fail "make down stopped the containers from inside"
    case $said in *"docker compose down"*) ;; *) fail "make down names no remedy: $said" ;; esac
}

check_pages() {
    say "The dashboard over HTTP"
    local page
    page=$(curl --silent --show-error --fail --max-time 20 "http://127.0.0.1:$DASHBOARD_PORT/")
    case $page in *"<title>Streamlit</title>"* | *'<div id="root">'*) ;; *) fail "no page: $page" ;; esac
    [ "$(curl --silent --fail --max-time 20 "http://127.0.0.1:$DASHBOARD_PORT/_stcore/health")" = ok ] || fail "no health"
}

check_secrets() {
    say "What docker inspect and the servers' environments show"
    local shown secret name
    shown=$(compose ps --all --quiet | xargs docker inspect)
    shown+=$(docker image inspect vigie-local)
    for name in postgres cloud dashboard; do
        shown+=$(inside "$name" sh -c 'cat /proc/[0-9]*/environ 2>/dev/null | tr "\0" "\n"' || true)
    done
    for secret in "$key" "$(inside cloud cat /state/private/postgres-superuser)"; do
        [ -n "$secret" ] || fail "nothing to look for"
        case $shown in *"$secret"*) fail "a secret is readable" ;; esac
    done
}

# Between the containers the database is reached over TLS, and only as the name in its certificate.
check_tls() {
    say "The way to the database"
    inside dashboard /vigie/.venv/bin/python -c '
import socket, psycopg2
from dashboard.connection import read_credentials
way = read_credentials().parameters()
assert way["sslmode"] == "verify-full", way["sslmode"]
connection = psycopg2.connect(**way)
assert connection.info.ssl_in_use
print("encrypted:", connection.info.ssl_attribute("protocol"), connection.info.ssl_attribute("cipher"))
try:
    psycopg2.connect(**way | {"host": "cloud", "hostaddr": socket.gethostbyname(way["host"])})
except psycopg2.OperationalError as error:
    assert "does not match host name" in str(error), error
else:
    raise SystemExit("a server that cannot prove its name is spoken to")
' || fail "the way to the database is not what it should be"
}

check_hardening() {
    say "Read-only file systems, no rights"
    local id
    for id in $(compose ps --all --quiet); do
        [ "$(docker inspect --format '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}' "$id")" = \
            "true [ALL] [no-new-privileges:true]" ] || fail "$id is not hardened"
    done
    local name
    for name in postgres cloud dashboard; do
        inside "$name" sh -c 'touch /vigie/x || touch /usr/x || touch /x' 2>/dev/null && fail "$name can write to its image"
    done
    return 0
}

# Before it is ready, `cloud` loads and learns from up to a million customers: that long it may not count as ill.
check_health_window() {
    local window
    window=$(docker inspect --format '{{.Config.Healthcheck.StartPeriod}}' "$(compose ps --quiet cloud)")
    [ "$window" = 6h0m0s ] || fail "cloud has $window to become ready"
}

# A kill, then the loss of the volume with the passwords: nothing that was stored is lost.
check_restart() {
    say "Killed, and the volume of passwords lost"
    compose kill >/dev/null 2>&1
    compose down >/dev/null 2>&1
    docker volume rm "${COMPOSE_PROJECT_NAME}_private" >/dev/null
    compose up --detach --wait --wait-timeout 900 >/dev/null 2>&1 || fail "the stack did not come back"
    # Whole: a reader that ends early would end the writer with an error.
    local said
    said=$(compose logs cloud 2>&1)
    case $said in *Traceback*) fail "a traceback in the cloud's log" ;; esac
    case $said in *"Functions and layers: built"*) fail "built anew at start" ;; esac
    case $said in *"200 customers are loaded already"*) ;; *) fail "the customers are lost" ;; esac
}

trap take_down EXIT
trap 'exit 130' INT TERM
require_engine
prepare_images
make_clone
check_refusals
say "Building"
compose build > "$work/build.log" 2>&1 || { tail -n 30 "$work/build.log" >&2; fail "the image does not build"; }
check_image
say "Starting"
compose up --detach --wait --wait-timeout 900 || fail "the stack did not become healthy"
check_run
check_commands
check_pages
check_tls
check_secrets
check_hardening
check_health_window
check_restart
check_run
check_secrets
say "The containers hold."
