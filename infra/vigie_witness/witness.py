"""What a witness is asked, and what it answers: c2sp.org/tlog-witness, `add-checkpoint`."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256

from vigie.verify import (
    EMPTY_ROOT,
    Checkpoint,
    CheckpointError,
    ProofError,
    Signature,
    VerifierKey,
    check_signature,
    cosigned_bytes,
    decode_base64,
    parse_checkpoint,
    parse_verifier_key,
    verify_consistency,
)
from vigie_witness.state import WitnessState

MOST_HASHES = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class RefusedError(Exception):
    """An answer other than a cosignature: its status, and what is said."""

    def __init__(self, status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> None:
        super().__init__(text)
        self.status, self.text, self.content_type = status, text, content_type


class Witness:
    """Cosigns checkpoints of the logs whose keys it was given, each the continuation of the one before."""

    def __init__(self, state: WitnessState, logs: Sequence[VerifierKey], now: Callable[[], float] = time.time) -> None:
        self._state, self._logs, self._now = state, logs, now
        self._own = parse_verifier_key(state.verifier_key)
        self._lock = threading.Lock()

    def add_checkpoint(self, body: bytes) -> str:
        """Answer a request: the cosignature's line.

        Raises:
            RefusedError: as the specification says; nothing was cosigned and nothing has changed.
        """
        old, proof, checkpoint = parse_request(body)
        keys = [key for key in self._logs if key.name == checkpoint.origin]
        if not keys:
            raise RefusedError(404, f"the log {checkpoint.origin!r} is not known here")
        checkpoint = _signed_by(checkpoint, keys)
        if old > checkpoint.size:
            raise RefusedError(400, f"the old size {old} is larger than the checkpoint's {checkpoint.size}")
        # What is compared must still be what is replaced: one request after the other.
        with self._lock:
            known = self._state.newest(checkpoint.origin)
            if old != (known.size if known else 0):
                if known and known.size == checkpoint.size and known.root != checkpoint.root:
                    self._state.keep_evidence(checkpoint)
                raise RefusedError(409, str(known.size if known else 0), "text/x.tlog.size")
            try:
                _require_growth(known, old, checkpoint, proof)
            except ProofError as error:
                self._state.keep_evidence(checkpoint)
                print(f"refused: {checkpoint.origin} at {checkpoint.size} events: {error}", file=sys.stderr, flush=True)
                raise RefusedError(422, str(error)) from error
            return self._cosign(checkpoint)

    def newest(self, origin_hash: str) -> str:
        """The newest checkpoint of the log whose origin has this SHA-256, with the signatures that were verified.

        Raises:
            RefusedError: none was cosigned.
        """
        for log in self._logs:
            if sha256(log.name.encode()).hexdigest() == origin_hash and (found := self._state.newest(log.name)):
                return found.note()
        raise RefusedError(404, "no checkpoint of this log was cosigned here")

    def _cosign(self, checkpoint: Checkpoint) -> str:
        # On the disk before it is signed: a witness that dies in between has promised nothing that it forgets.
        self._state.keep(checkpoint)
        timestamp = int(self._now())
        signature = self._state.key.sign(cosigned_bytes(checkpoint.text, timestamp))
        line = Signature(self._own.name, self._own.key_id, timestamp.to_bytes(8) + signature)
        self._state.keep(replace(checkpoint, signatures=(*checkpoint.signatures, line)))
        return line.line()


def parse_request(body: bytes) -> tuple[int, list[bytes], Checkpoint]:
    """The old size, the proof and the checkpoint of a request.

    Raises:
        RefusedError: it is not in the specification's form.
    """
    try:
        head, blank, note = body.decode().partition("\n\n")
        first, *lines = head.split("\n")
        old = _OLD.fullmatch(first)
        if not blank or not old or len(lines) > MOST_HASHES:
            raise RefusedError(400, f"a request is 'old SIZE', up to {MOST_HASHES} hashes, an empty line, a checkpoint")
        hashes = [decode_base64(line) for line in lines]
        if any(len(each) != 32 for each in hashes):
            raise RefusedError(400, "every hash of a proof has 32 bytes")
        return int(old[1]), hashes, parse_checkpoint(note)
    except (UnicodeDecodeError, CheckpointError) as error:
        raise RefusedError(400, str(error)) from error


def _signed_by(checkpoint: Checkpoint, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint with those signatures alone that are by one of these keys, each of them right.

    Raises:
        RefusedError: there is none, or one of them is wrong.
    """
    known = {key.key_id: key for key in keys}
    ours = tuple(s for s in checkpoint.signatures if s.name == checkpoint.origin and s.key_id in known)
    try:
        for each in {s.key_id for s in ours}:
            check_signature(checkpoint, known[each])
    except CheckpointError as error:
        raise RefusedError(403, str(error)) from error
    if not ours:
        raise RefusedError(403, f"no signature is by a known key of {checkpoint.origin}")
    return replace(checkpoint, signatures=ours)


def _require_growth(known: Checkpoint | None, old: int, checkpoint: Checkpoint, proof: Sequence[bytes]) -> None:
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise ProofError("an empty log has another root")
    if known and old:
        verify_consistency(old, checkpoint.size, known.root, checkpoint.root, proof)
    elif proof:
        raise ProofError("a log that begins needs no proof")
