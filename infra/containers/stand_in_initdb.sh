#!/usr/bin/env bash
# The stand-in's docker-ensure-initdb.sh: makes the cluster as the official image's does, or leaves the one there is.
set -euo pipefail
if [ -s "$PGDATA/PG_VERSION" ]; then exit 0; fi
mkdir -p "$PGDATA"
chmod 700 "$PGDATA"
# The arguments are a list of words, as in the official image.
# shellcheck disable=SC2086
initdb --pgdata="$PGDATA" --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
