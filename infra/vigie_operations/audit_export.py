"""The audit trail of a deployed stack: files for an auditor, proofs, and verification of the whole log."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import vigie.verify
from vigie.run_export import export_run
from vigie.trail import Trail, TrailError
from vigie.verify import CheckpointError, key_id, parse_checkpoint
from vigie_operations.errors import OperationError
from vigie_operations.private_files import owner_only, private_folder
from vigie_operations.targets import Target

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@owner_only()
def write_run(target: Target, run_id: str = "", folder: Path | None = None) -> list[Path]:
    """Write a run's files, the newest run's unless one is named; return their paths, the cover sheet first.

    Raises:
        TrailError: there is no such run.
        TargetError: the target cannot be reached.
    """
    with target.connected() as connection:
        run_id = run_id or _newest_run(connection)
        if not run_id:
            raise TrailError(f"there is no run yet: {target.command('run')}")
        key = public_key(target)
        checkpoints, _ = split_by_key(Trail(connection).checkpoints(), key)
        return export_run(
            connection, run_id, folder or private_folder(target.folder / "audit") / run_id, checkpoints, as_pem(key)
        )


@dataclass(frozen=True)
class ExportedLog:
    """The files of an exported log, and how many checkpoints there are of which kind."""

    folder: Path
    checkpoints: int
    published: int
    of_other_keys: int

    def lines(self) -> list[str]:
        """Return what to print of it."""
        lines = [
            f"Exported to {self.folder}: {self.checkpoints} checkpoints, "
            f"{self.published} of them from the write-once store too"
        ]
        if self.of_other_keys:
            lines.append(
                f"{self.of_other_keys} checkpoints are signed with another key than the present one "
                "(LocalStack forgets its key when it stops); the newer ones vouch for the same events."
            )
        return lines

    def verify(self, as_json: bool = False) -> int:
        """Run the offline verifier on the files alone, printing its verdict; return its exit code."""
        published = [str(self.folder / "write-once-store")] if self.published else []
        command = [
            sys.executable, vigie.verify.__file__, "export", str(self.folder / "log.jsonl.gz"),
            "--key", str(self.folder / "key.pem"), "--checkpoints", str(self.folder / "checkpoints.txt"), *published,
            *(["--json"] if as_json else []),
        ]  # fmt: skip
        return subprocess.run(command, env={"PATH": os.environ.get("PATH", "")}).returncode


@owner_only()
def export_log(target: Target, folder: Path | None = None) -> ExportedLog:
    """Write the log, its checkpoints (the database's and the write-once store's) and the public key.

    The log grows during a run: every checkpoint is read before the log, which then covers each of them.

    Raises:
        OperationError: no checkpoint is signed with the present key, or the target cannot be reached.
    """
    folder = folder or private_folder(target.folder / "audit") / "log"
    folder.mkdir(parents=True, exist_ok=True)
    key = public_key(target)
    (folder / "key.pem").write_bytes(as_pem(key))
    # A checkpoint that was signed before LocalStack stopped may have been published after it.
    published = download_checkpoints(target, folder / "write-once-store")
    published -= set_aside_others(folder / "write-once-store", key)
    with target.connected() as connection:
        trail = Trail(connection)
        ours, others = split_by_key(trail.checkpoints(), key)
        with gzip.open(folder / "log.jsonl.gz", "wb", compresslevel=1) as log:
            log.writelines(trail.lines())
    if not ours:
        raise OperationError(
            f"No checkpoint is signed with the present key yet: {target.command('run')}, or wait a minute after one."
        )
    (folder / "checkpoints.txt").write_text("".join(ours), encoding="utf-8")
    return ExportedLog(folder, len(ours), published, len(others))


@dataclass(frozen=True)
class WrittenProof:
    """The file of a proof, the key's file, and the command that checks one with the other."""

    path: Path
    key: Path
    kind: str

    @property
    def check(self) -> str:
        """The command that checks the proof, without the database."""
        return f".venv/bin/python -m vigie.verify {self.kind} {self.path} --key {self.key}"

    def lines(self) -> list[str]:
        """Return what to print of it."""
        return [str(self.path), f"Check it: {self.check}"]

    def as_dict(self) -> dict[str, str]:
        """Return the same as JSON can hold it."""
        return {"proof": str(self.path), "key": str(self.key), "check": self.check}


def write_inclusion(target: Target, event_id: str, folder: Path | None = None) -> WrittenProof:
    """Write the proof that one event is in the signed log.

    Raises:
        TrailError: there is no such event, or it is not sealed yet.
    """
    with target.connected() as connection:
        proof = Trail(connection).inclusion(event_id)
    return _write_proof(target, folder, f"inclusion-{event_id}.json", proof, "inclusion")


def write_consistency(
    target: Target, first: int | None = None, second: int | None = None, folder: Path | None = None
) -> WrittenProof:
    """Write the proof that the log only grew between two checkpoints (the oldest and newest by default).

    Raises:
        TrailError: there is no checkpoint of the present key.
    """
    with target.connected() as connection:
        trail = Trail(connection)
        sizes = [parse_checkpoint(note).size for note in split_by_key(trail.checkpoints(), public_key(target))[0]]
        if not sizes:
            raise TrailError("no checkpoint is signed with the present key yet")
        first, second = first or sizes[0], second or sizes[-1]
        proof = trail.consistency(first, second)
    return _write_proof(target, folder, f"consistency-{first}-{second}.json", proof, "consistency")


@owner_only()
def _write_proof(target: Target, folder: Path | None, name: str, proof: str, kind: str) -> WrittenProof:
    folder = folder or private_folder(target.folder / "audit")
    folder.mkdir(parents=True, exist_ok=True)
    written = WrittenProof(folder / name, folder / "key.pem", kind)
    written.path.write_text(proof, encoding="utf-8")
    written.key.write_bytes(as_pem(public_key(target)))
    return written


def public_key(target: Target) -> bytes:
    """Return the log's public key, SPKI DER, from the key service."""
    return bytes(target.client("kms").get_public_key(KeyId=target.audit_key)["PublicKey"])


def as_pem(der: bytes) -> bytes:
    """Return a public key as PEM."""
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]).encode()


def download_checkpoints(target: Target, folder: Path) -> int:
    """Fetch what the write-once store holds, one file a checkpoint; return how many."""
    s3 = target.client("s3")
    bucket = target.checkpoint_bucket
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.txt"):
        old.unlink()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="checkpoints/")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    for key in keys:
        s3.download_file(bucket, key, str(folder / Path(key).name))
    return len(keys)


def set_aside_others(folder: Path, der: bytes) -> int:
    """Move the checkpoints that another key signed into a folder next to this one; return how many."""
    aside = folder.with_name("signed-with-forgotten-keys")
    aside.mkdir(exist_ok=True)
    others = [path for path in folder.glob("*.txt") if split_by_key([path.read_text(encoding="utf-8")], der)[1]]
    for path in others:
        path.replace(aside / path.name)
    return len(others)


def split_by_key(notes: list[str], der: bytes) -> tuple[list[str], list[str]]:
    """Return the checkpoints that name this key among their signatures, and all others."""
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
    return str(row[0]) if row else ""
