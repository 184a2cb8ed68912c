"""A sealed log in memory: the database's rows and the write-once store's objects."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from vigie.canonical import canonical_event
from vigie.checkpoint import checkpoint_text, key_id, signed_note
from vigie.merkle import Frontier, leaf_hash
from vigie.verify import PublicKey, Verdict, export_line, verify_export

ORIGIN = "vigie.example/audit"
START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Signer:
    """A key that signs checkpoints as KMS would."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def der(self) -> bytes:
        """The public key, SPKI DER."""
        encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(encoding, form)

    @property
    def public(self) -> PublicKey:
        """The public key as the verifier takes it."""
        return PublicKey(self.private.public_key(), key_id(self.der))

    def sign(self, text: str) -> bytes:
        """ECDSA with SHA-256, DER."""
        return self.private.sign(text.encode(), ec.ECDSA(hashes.SHA256()))

    def checkpoint(self, leaves: Iterable[bytes]) -> str:
        """A signed checkpoint over these leaf hashes."""
        frontier = Frontier()
        frontier.extend(leaves)
        text = checkpoint_text(ORIGIN, frontier.size, frontier.root())
        return signed_note(text, self.der, self.sign(text))


def new_event(random: Random, number: int) -> dict[str, Any]:
    """The fields of one plausible event."""
    return {
        "event_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
        "occurred_at": START + timedelta(milliseconds=37 * number + random.randrange(30)),
        "run_id": f"run-{number // 40}",
        "agent": random.choice(["planner", "nlp_agent", "prediction_agent", "action_agent"]),
        "event_type": random.choice(["CONSENT_CHECK", "LLM_CALL_END", "PREDICTION_SAVED", "ACTION_SAVED"]),
        "status": random.choice(["ok", "refused", "failed"]),
        "customer_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
        "details": {"model": "é-20b", "tokens": random.randrange(900), "score": round(random.random(), 6)},
        "request_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
    }


@dataclass(frozen=True)
class Row:
    """One sealed event: its index, its fields, and the fingerprint kept with it."""

    index: int
    event: dict[str, Any]
    leaf: bytes

    def line(self) -> bytes:
        """Its line of an export."""
        return export_line(self.index, canonical_event(**self.event), self.leaf)


def sealed_row(index: int, event: dict[str, Any]) -> Row:
    """A row whose fingerprint is right."""
    return Row(index, event, leaf_hash(canonical_event(**event)))


@dataclass(frozen=True)
class SealedLog:
    """The rows and checkpoints of the database, and the checkpoints of the write-once store."""

    rows: list[Row]
    notes: list[str]
    stored_notes: list[str]
    sizes: list[int]

    @property
    def sealed(self) -> int:
        """How many events the newest checkpoint of the write-once store covers."""
        return self.sizes[-1]

    def with_rows(self, rows: list[Row]) -> SealedLog:
        """The same with other rows."""
        return replace(self, rows=rows)

    def verify(self, key: PublicKey) -> Verdict:
        """What the offline verifier says of an export of this log."""
        export = io.BytesIO(b"".join(row.line() for row in self.rows))
        files = [("database", "".join(self.notes)), ("write-once store", "".join(self.stored_notes))]
        return verify_export(export, files, key, origin=ORIGIN)


def new_log(random: Random, signer: Signer, events: int = 60, rounds: int = 5) -> SealedLog:
    """A log of some `events` events, sealed in about `rounds` rounds, the last few events not sealed yet."""
    rows = [sealed_row(index, new_event(random, index)) for index in range(random.randint(3, events))]
    inner = random.sample(range(1, len(rows) + 1), min(rounds, len(rows)))
    sizes = sorted(inner)
    notes = [signer.checkpoint(row.leaf for row in rows[:size]) for size in sizes]
    return SealedLog(rows, notes, list(notes), sizes)


def extended(log: SealedLog, random: Random, signer: Signer) -> SealedLog:
    """The log after some more events, perhaps sealed; the write-once store may lag, or hold a retried round."""
    more = [sealed_row(len(log.rows) + i, new_event(random, 1000 + i)) for i in range(random.randint(0, 20))]
    rows = log.rows + more
    notes, stored, sizes = list(log.notes), list(log.stored_notes), list(log.sizes)
    if random.random() < 0.5 and len(rows) > sizes[-1]:
        leaves = [row.leaf for row in rows]
        notes.append(signer.checkpoint(leaves))
        sizes.append(len(rows))
        # A round cut off between signing and committing signs the same size again: same text, other signature.
        stored += [signer.checkpoint(leaves) for _ in range(random.randint(0, 2))]
    return SealedLog(rows, notes, stored, sizes)
