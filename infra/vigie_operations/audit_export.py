"""The audit trail of a deployed stack: files for an auditor, proofs, and verification of the whole log."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vigie.verify
from vigie.checkpoint import signed_note
from vigie.run_export import export_run
from vigie.trail import Trail, TrailError
from vigie.verify import (
    ECDSA,
    ED25519,
    LISTING,
    format_verifier_key,
    is_stored_note,
    key_change_text,
    parse_checkpoint,
)
from vigie_operations.errors import OperationError
from vigie_operations.private_files import owner_only, private_folder
from vigie_operations.targets import Target

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

STORE, WAITING = "write-once-store", "not-published-yet.txt"
# A checkpoint of sixteen signatures is below 3 KB.
MAX_NOTE_BYTES = 1 << 16


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
        checkpoints, pem = Trail(connection).checkpoints(), as_pem(public_key(target))
        folder = folder or private_folder(target.folder / "audit") / run_id
        return export_run(connection, run_id, folder, checkpoints, pem)


@dataclass(frozen=True)
class ExportedLog:
    """The files of an exported log, and how many checkpoints the database and the write-once store hold."""

    folder: Path
    trust: Path
    checkpoints: int
    published: int

    def lines(self) -> list[str]:
        """Return what to print of it."""
        return [
            f"Exported to {self.folder}: {self.checkpoints} checkpoints, "
            f"{self.published} of them from the write-once store too"
        ]

    def verify(self, as_json: bool = False, extra: Sequence[str] = ()) -> int:
        """Run the offline verifier on the files alone, printing its verdict; return its exit code."""
        command = [
            sys.executable, vigie.verify.__file__, "export", str(self.folder / "log.jsonl.gz"),
            "--key", str(self.folder / "key.pem"), "--checkpoints", str(self.folder / "checkpoints.txt"),
            "--waiting", str(self.folder / WAITING), "--store", str(self.folder / STORE), "--trust", str(self.trust),
            *extra, *(["--json"] if as_json else []),
        ]  # fmt: skip
        return subprocess.run(command, env={"PATH": os.environ.get("PATH", "")}).returncode


@owner_only()
def export_log(target: Target, folder: Path | None = None, trust: Path | None = None) -> ExportedLog:
    """Write the log, its checkpoints (the database's and the write-once store's) and the public key.

    The log grows during a run. Every checkpoint is read before the log, which then covers each of them, and the
    database's published ones before the store, which then holds each of them. `trust` is the auditor's own file.

    Raises:
        OperationError: nothing was signed yet, or the target cannot be reached.
    """
    folder = folder or private_folder(target.folder / "audit") / "log"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key.pem").write_bytes(as_pem(public_key(target)))
    with target.connected() as connection:
        trail = Trail(connection)
        checkpoints, waiting = trail.checkpoints_by_publication()
        published = download_checkpoints(target, folder / STORE)
        with gzip.open(folder / "log.jsonl.gz", "wb", compresslevel=1) as log:
            log.writelines(trail.lines())
    if not checkpoints and not published:
        raise OperationError(f"No checkpoint was signed yet: {target.command('run')}, or wait a minute after one.")
    (folder / "checkpoints.txt").write_text("".join(checkpoints), encoding="utf-8")
    (folder / WAITING).write_text("".join(waiting), encoding="utf-8")
    trust = trust or target.folder / "audit" / "trust.json"
    return ExportedLog(folder, trust, len(checkpoints) + len(waiting), published)


@dataclass(frozen=True)
class WrittenProof:
    """The file of a proof, the key's file, and the command that checks one with the other."""

    path: Path
    key: Path
    kind: str
    origin: str

    @property
    def check(self) -> str:
        """The command that checks the proof, without the database."""
        return f".venv/bin/python -m vigie.verify {self.kind} {self.path} --key {self.key} --origin {self.origin}"

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
        TrailError: nothing was signed yet.
    """
    with target.connected() as connection:
        trail = Trail(connection)
        sizes = [parse_checkpoint(note).size for note in trail.checkpoints()]
        if not sizes:
            raise TrailError("no checkpoint was signed yet")
        first, second = first or sizes[0], second or sizes[-1]
        proof = trail.consistency(first, second)
    return _write_proof(target, folder, f"consistency-{first}-{second}.json", proof, "consistency")


@owner_only()
def _write_proof(target: Target, folder: Path | None, name: str, proof: str, kind: str) -> WrittenProof:
    folder = folder or private_folder(target.folder / "audit")
    folder.mkdir(parents=True, exist_ok=True)
    content = json.loads(proof)
    origin = parse_checkpoint(content.get("checkpoint") or content["second"]).origin
    written = WrittenProof(folder / name, folder / "key.pem", kind, origin)
    written.path.write_text(proof, encoding="utf-8")
    written.key.write_bytes(as_pem(public_key(target)))
    return written


def public_key(target: Target, key: str = "") -> bytes:
    """Return the log's public key, SPKI DER, from the key service; or that of another key."""
    return bytes(target.client("kms").get_public_key(KeyId=key or target.audit_key)["PublicKey"])


def verifier_keys(target: Target) -> list[str]:
    """Return the log's keys, a line each, as witnesses and other people's tools take them.

    Raises:
        OperationError: nothing was signed yet, so that the log's name is not known.
    """
    with target.connected() as connection:
        notes = Trail(connection).checkpoints()
    if not notes:
        raise OperationError(f"Nothing was signed yet: {target.command('run')}, or wait a minute after one.")
    origin = parse_checkpoint(notes[-1]).origin
    keys = [format_verifier_key(origin, ECDSA, public_key(target))]
    if target.audit_ed25519_key:
        keys.append(format_verifier_key(origin, ED25519, public_key(target, target.audit_ed25519_key)[-32:]))
    return keys


def record_key_change(target: Target, old: str, new: str) -> str:
    """Have the old key state in the store that the new one signs from here on; return the statement.

    Raises:
        OperationError: nothing was signed yet, so that there is nothing to hand over.
    """
    with target.connected() as connection:
        notes = Trail(connection).checkpoints()
    if not notes:
        raise OperationError("Nothing was signed yet: deploy with the new key, no record is needed.")
    newest, successor = parse_checkpoint(notes[-1]), public_key(target, new)
    text = key_change_text(newest.origin, newest.size, format_verifier_key(newest.origin, ECDSA, successor))
    signed = target.client("kms").sign(
        KeyId=old, Message=text.encode(), MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
    )
    note = signed_note(text, public_key(target, old), signed["Signature"])
    target.client("s3").put_object(
        Bucket=target.checkpoint_bucket, Key=f"keys/{newest.size:020d}.txt", Body=note.encode(), IfNoneMatch="*"
    )
    return note


def as_pem(der: bytes) -> bytes:
    """Return a public key as PEM."""
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]).encode()


def download_checkpoints(target: Target, folder: Path) -> int:
    """Fetch every version that the write-once store holds, as the verifier reads it; return how many checkpoints."""
    s3, bucket = target.client("s3"), target.checkpoint_bucket
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    listing: dict[str, list[dict[str, Any]]] = {"Versions": [], "DeleteMarkers": []}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for kind in listing:
            listing[kind] += page.get(kind, [])
    (folder / LISTING).write_text(json.dumps(listing, default=str), encoding="utf-8")
    for number, version in enumerate(listing["Versions"]):
        # Names and sizes are whoever writes to the store: neither is used as a path, nor fetched without bound.
        if is_stored_note(version["Key"]):
            got = s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
            (folder / f"{number}.txt").write_bytes(got["Body"].read(MAX_NOTE_BYTES))
    return len({version["Key"] for version in listing["Versions"] if version["Key"].startswith("checkpoints/")})


def _newest_run(connection: Connection) -> str:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT run_id FROM runs ORDER BY planned_at DESC LIMIT 1")
        row = cursor.fetchone()
    return str(row[0]) if row else ""
