"""What a witness must never lose: its key, and the newest checkpoint of each log that it cosigned.

    key         name and Ed25519 key, for its owner only
    state.json  origin: the newest checkpoint, with the log's signatures and the witness's
    evidence/   checkpoints that a log's key signed and that contradict what was cosigned

A key without its state would cosign a second history: the witness then does not start.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vigie.verify import COSIGNATURE, Checkpoint, format_verifier_key, parse_checkpoint, parse_verifier_key

MOST_EVIDENCE = 100


class WitnessError(Exception):
    """When a witness cannot start, or cannot write; says what to do."""


class WitnessState:
    """The folder of one witness, which one process holds at a time."""

    def __init__(self, home: Path, name: str = "") -> None:
        """Open the folder; make key and state where there is neither.

        Raises:
            WitnessError: the folder is in use, or what it holds cannot be relied on.
        """
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._home, self._state = home, home / "state.json"
        self._lock = (home / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WitnessError(f"another witness runs in {home}: stop it, or use another folder") from error
        if not (home / "key").exists():
            self._make(name)
        self.name, self.key = self._read_key(name)
        self._newest = self._read_state()

    @property
    def verifier_key(self) -> str:
        """The witness's public key as one line, for who verifies and for the logs that ask it."""
        return format_verifier_key(self.name, COSIGNATURE, self.key.public_key().public_bytes_raw())

    def newest(self, origin: str) -> Checkpoint | None:
        """The newest checkpoint of a log that was cosigned."""
        return self._newest.get(origin)

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write the newest checkpoint of a log, whole or not at all, and to the disk before this returns."""
        kept = self._newest | {checkpoint.origin: checkpoint}
        text = json.dumps({origin: each.note() for origin, each in kept.items()}, ensure_ascii=False, indent=1)
        _write(self._state, text)
        self._newest = kept

    def keep_evidence(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint that the log signed and should not have, unless there are very many."""
        folder = self._home / "evidence"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{sha256(checkpoint.text.encode()).hexdigest()}.txt"
        if not path.exists() and len(list(folder.iterdir())) < MOST_EVIDENCE:
            _write(path, checkpoint.note())

    def close(self) -> None:
        """Give the folder free."""
        self._lock.close()

    def _make(self, name: str) -> None:
        key = Ed25519PrivateKey.generate()
        try:
            parse_verifier_key(format_verifier_key(name, COSIGNATURE, key.public_key().public_bytes_raw()))
        except ValueError as error:
            raise WitnessError(
                f"name={name!r} is no witness's name: one word without +, as in bank.example/w1"
            ) from error
        # The state first: a key is never there without it.
        if not self._state.exists():
            _write(self._state, "{}")
        _write(self._home / "key", json.dumps({"name": name, "ed25519": key.private_bytes_raw().hex()}))

    def _read_key(self, name: str) -> tuple[str, Ed25519PrivateKey]:
        path = self._home / "key"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            own, key = str(content["name"]), Ed25519PrivateKey.from_private_bytes(bytes.fromhex(content["ed25519"]))
        except (ValueError, TypeError, KeyError) as error:
            raise WitnessError(f"{path} is no witness's key: put it back from a copy") from error
        if name not in ("", own):
            raise WitnessError(
                f"name={name!r}: this folder's witness is {own!r}; use another folder for another witness"
            )
        return own, key

    def _read_state(self) -> dict[str, Checkpoint]:
        try:
            notes = json.loads(self._state.read_text(encoding="utf-8"))
            return {origin: parse_checkpoint(note) for origin, note in notes.items()}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise WitnessError(
                f"{self._state} cannot be read, so that what this key has cosigned is unknown. Put it back as it was, "
                "or retire the key: use a new folder, and tell who relies on this witness"
            ) from error


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, for its owner only; it is on the disk when this returns."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
