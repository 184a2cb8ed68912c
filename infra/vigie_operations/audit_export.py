"""The audit trail out of the local cloud: files for an auditor, proofs, and the verification of the whole log.

python -m vigie_operations.audit_export run [--run RUN] [--out FOLDER]
python -m vigie_operations.audit_export verify
python -m vigie_operations.audit_export inclusion --event EVENT_ID
python -m vigie_operations.audit_export consistency [--first SIZE] [--second SIZE]
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from model.command_line import run_command
from vigie.run_export import export_run
from vigie.trail import Trail, TrailError
from vigie.verify import CheckpointError, key_id, parse_checkpoint
from vigie_local.errors import LocalCloudError, RunError
from vigie_local.localstack import aws_client
from vigie_local.secrets import role_passwords
from vigie_local.services import database_server
from vigie_local.settings import DATABASE, REGION, REPOSITORY, LocalSettings, load_settings, service_environment

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

KEY = "alias/vigie-audit"
BUCKET = f"vigie-checkpoints-000000000000-{REGION}"
READER = "dashboard"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = parser().parse_args(arguments)
    try:
        return int(options.do(load_settings(), options))
    except (TrailError, LocalCloudError) as error:
        print(error, file=sys.stderr)
    except (ClientError, BotoCoreError) as error:
        print(f"The local cloud gives no answer ({type(error).__name__}): make deploy-local", file=sys.stderr)
    return 2


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    top = argparse.ArgumentParser(
        prog="vigie_operations.audit_export", description="The audit trail, for others to check."
    )
    commands = top.add_subparsers(required=True, metavar="command")

    def add(name: str, do: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(do=do)
        command.add_argument("--out", type=Path, help="where to write (default: audit/ in the local cloud's folder)")
        return command

    one_run = add("run", write_run, "one run for an auditor: CSV, JSON Lines and a cover sheet")
    one_run.add_argument("--run", default="", help="the run's id; the newest by default")
    add("verify", verify_log, "export the whole log and check it offline")
    inclusion = add("inclusion", write_inclusion, "prove that one event is in the signed log")
    inclusion.add_argument("--event", required=True, metavar="EVENT_ID")
    consistency = add("consistency", write_consistency, "prove that the log only grew between two checkpoints")
    consistency.add_argument("--first", type=int, metavar="SIZE", help="the oldest by default")
    consistency.add_argument("--second", type=int, metavar="SIZE", help="the newest by default")
    return top


def write_run(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Writes a run's files."""
    with reader(settings) as connection:
        run_id = options.run or _newest_run(connection)
        folder = options.out or settings.home / "audit" / run_id
        key = public_key(settings)
        checkpoints, _ = split_by_key(Trail(connection).checkpoints(), key)
        files = export_run(connection, run_id, folder, checkpoints, as_pem(key))
    print(f"Run {run_id}: {files[0]}")
    for path in files[1:]:
        print(f"  {path.name:<16} {path.stat().st_size:>10} bytes")
    return 0


def verify_log(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Exports log, checkpoints (the database's and the write-once store's) and key, then runs the verifier alone."""
    folder = options.out or settings.home / "audit" / "log"
    folder.mkdir(parents=True, exist_ok=True)
    key = public_key(settings)
    (folder / "key.pem").write_bytes(as_pem(key))
    published, ours, others = export_log(settings, folder, key)
    if not ours:
        raise RunError("No checkpoint is signed with the present key yet: make run, or wait a minute after one.")
    (folder / "checkpoints.txt").write_text("".join(ours), encoding="utf-8")
    print(f"Exported to {folder}: {len(ours)} checkpoints, {published} of them from the write-once store too")
    if others:
        print(
            f"{len(others)} older checkpoints are signed with keys that LocalStack forgot when it stopped;"
            " the newer ones vouch for the same events."
        )
    command = [
        sys.executable, "-m", "vigie.verify", "export", str(folder / "log.jsonl.gz"), "--key", str(folder / "key.pem"),
        "--checkpoints", str(folder / "checkpoints.txt"), *([str(folder / "write-once-store")] if published else []),
    ]  # fmt: skip
    return subprocess.run(command, env=service_environment(), cwd=REPOSITORY).returncode


def export_log(settings: LocalSettings, folder: Path, key: bytes) -> tuple[int, list[str], list[str]]:
    """Write the store's checkpoints and the log; return how many the store holds, the database's, those of other keys.

    The log grows during a run: every checkpoint is read before the log, which then covers each of them.
    """
    # A checkpoint that was signed before LocalStack stopped may have been published after it.
    published = download_checkpoints(settings, folder / "write-once-store")
    published -= set_aside_others(folder / "write-once-store", key)
    with reader(settings) as connection:
        trail = Trail(connection)
        ours, others = split_by_key(trail.checkpoints(), key)
        with gzip.open(folder / "log.jsonl.gz", "wb", compresslevel=1) as log:
            log.writelines(trail.lines())
    return published, ours, others


def write_inclusion(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Writes an inclusion proof."""
    with reader(settings) as connection:
        proof = Trail(connection).inclusion(options.event)
    return _write_proof(settings, options, f"inclusion-{options.event}.json", proof, "inclusion")


def write_consistency(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Writes a consistency proof between two checkpoints of the present key."""
    key = public_key(settings)
    with reader(settings) as connection:
        trail = Trail(connection)
        sizes = [parse_checkpoint(note).size for note in split_by_key(trail.checkpoints(), key)[0]]
        if not sizes:
            raise TrailError("no checkpoint is signed with the present key yet")
        first, second = options.first or sizes[0], options.second or sizes[-1]
        proof = trail.consistency(first, second)
    return _write_proof(settings, options, f"consistency-{first}-{second}.json", proof, "consistency")


def _write_proof(settings: LocalSettings, options: argparse.Namespace, name: str, proof: str, kind: str) -> int:
    folder = options.out or settings.home / "audit"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(proof, encoding="utf-8")
    (folder / "key.pem").write_bytes(as_pem(public_key(settings)))
    print(folder / name)
    print(f"Check it: .venv/bin/python -m vigie.verify {kind} {folder / name} --key {folder / 'key.pem'}")
    return 0


@contextlib.contextmanager
def reader(settings: LocalSettings) -> Iterator[Connection]:
    """A connection that may read the trail and write nothing."""
    password = role_passwords(settings.private)[READER]
    connection = database_server(settings).connect(DATABASE, READER, password)
    try:
        yield connection
    finally:
        connection.close()


def public_key(settings: LocalSettings) -> bytes:
    """The log's public key, SPKI DER, from the key service."""
    return bytes(aws_client("kms", settings.endpoint).get_public_key(KeyId=KEY)["PublicKey"])


def as_pem(der: bytes) -> bytes:
    """A public key as PEM."""
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]).encode()


def download_checkpoints(settings: LocalSettings, folder: Path) -> int:
    """Fetches what the write-once store holds, one file a checkpoint; returns how many."""
    s3 = aws_client("s3", settings.endpoint)
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.txt"):
        old.unlink()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="checkpoints/")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    for key in keys:
        s3.download_file(BUCKET, key, str(folder / Path(key).name))
    return len(keys)


def set_aside_others(folder: Path, der: bytes) -> int:
    """Moves the checkpoints that another key signed into a folder beside this one; returns how many."""
    aside = folder.with_name("signed-with-forgotten-keys")
    aside.mkdir(exist_ok=True)
    others = [path for path in folder.glob("*.txt") if split_by_key([path.read_text(encoding="utf-8")], der)[1]]
    for path in others:
        path.replace(aside / path.name)
    return len(others)


def split_by_key(notes: list[str], der: bytes) -> tuple[list[str], list[str]]:
    """The checkpoints that name this key among their signatures, and all others."""
    wanted = key_id(der)
    ours: list[str] = []
    others: list[str] = []
    for note in notes:
        try:
            signed = any(signature.key_id == wanted for signature in parse_checkpoint(note).signatures)
        except CheckpointError:
            signed = True  # malformed: for the verifier to say so
        (ours if signed else others).append(note)
    return ours, others


def _newest_run(connection: Connection) -> str:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT run_id FROM runs ORDER BY planned_at DESC LIMIT 1")
        row = cursor.fetchone()
    if row is None:
        raise TrailError("there is no run yet: make run")
    return str(row[0])


if __name__ == "__main__":
    run_command(main)
