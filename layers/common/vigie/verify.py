"""Checks Vigie's audit trail offline: this file, the standard library and `cryptography` are all it takes.

What is trusted: the public key, and the checkpoints that verify under it. Nothing in an export is trusted: an
event counts only because the fingerprints of all events, combined, give the root that a checkpoint signs.
docs/governance/audit-format.md describes every format byte for byte.

Exit codes: 0 valid, 1 not valid, 2 could not be checked.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

# --- The tree: RFC 9162, section 2.1 ----------------------------------------------------------------------

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()


class ProofError(ValueError):
    """When a proof does not show what it claims."""


def leaf_hash(data: bytes) -> bytes:
    """Fingerprint of one event: SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Fingerprint of two neighbours: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass
class Frontier:
    """The right edge of a tree of `size` leaves: the root of each perfect subtree, largest first.

    `hashes` has one entry per 1-bit of `size`. It is all that is needed to append and to compute the root.
    """

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"a frontier of size {self.size} has one hash per 1-bit of it, got {len(self.hashes)}")
        if any(len(each) != HASH_SIZE for each in self.hashes):
            raise ValueError("every hash of a frontier has 32 bytes")

    def append(self, leaf: bytes) -> None:
        """Adds one leaf hash at index `size`."""
        full = self.size
        self.size += 1
        while full & 1:
            leaf = sha256(b"\x01" + self.hashes.pop() + leaf).digest()
            full >>= 1
        self.hashes.append(leaf)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Adds leaf hashes in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """The root of the tree at its present size; SHA-256 of nothing when it is empty."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root


def roots_from_proof(start: int, end: int, size: int, known: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Roots of the leaves [start, end) and of the whole tree of `size`, as the proof implies them.

    Undoes SUBTREE_PROOF of draft-ietf-plants-merkle-tree-certs, of which RFC 9162's PROOF is the case start =
    0 and PATH the case end = start + 1. `known` stands for [start, end) where the proof leaves it out. The
    caller compares both results. Raises ProofError when the proof has too few or too many hashes.
    """
    if any(len(each) != HASH_SIZE for each in proof):
        raise ProofError("every hash in a proof has 32 bytes")
    rest = list(proof)
    part, whole = _fold(start, end, size, known, rest)
    if rest:
        raise ProofError(f"the proof has {len(rest)} hashes too many")
    return part, whole


def _fold(start: int, end: int, size: int, known: bytes | None, rest: list[bytes]) -> tuple[bytes, bytes]:
    if known is not None and (start, end) == (0, size):
        return known, known
    if not rest:
        raise ProofError("the proof has too few hashes")
    sibling = rest.pop()
    if (start, end) == (0, size):
        return sibling, sibling
    split = 1 << (size - 1).bit_length() - 1
    if end <= split:
        part, whole = _fold(start, end, split, known, rest)
        return part, node_hash(whole, sibling)
    if start >= split:
        part, whole = _fold(start - split, end - split, size - split, known, rest)
        return part, node_hash(sibling, whole)
    part, whole = _fold(0, end - split, size - split, None, rest)
    return node_hash(sibling, part), node_hash(sibling, whole)


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Returns when the leaf is at `index` of the tree of `size` with this root. Raises ProofError if not."""
    if not 0 <= index < size:
        raise ProofError(f"index {index} is outside a tree of {size} leaves")
    if len(leaf) != HASH_SIZE:
        raise ProofError(f"a leaf hash has 32 bytes, got {len(leaf)}")
    _, whole = roots_from_proof(index, index + 1, size, leaf, proof)
    if whole != root:
        raise ProofError(f"the proof leads to root {whole.hex()}, the checkpoint says {root.hex()}")


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Returns when the tree of size2 continues that of size1. Raises ProofError if not, or if size1 is 0."""
    if not 0 < size1 <= size2:
        raise ProofError(f"sizes must satisfy 0 < first <= second, got {size1} and {size2}")
    part, whole = roots_from_proof(0, size1, size2, root1, proof)
    if part != root1:
        raise ProofError(f"the proof leads to first root {part.hex()}, the checkpoint says {root1.hex()}")
    if whole != root2:
        raise ProofError(f"the proof leads to second root {whole.hex()}, the checkpoint says {root2.hex()}")


# --- Canonical JSON ---------------------------------------------------------------------------------------

# In the canonical order of their names.
EVENT_FIELDS = [
    *("agent", "customer_id", "details", "event_id", "event_type"),
    *("occurred_at", "request_id", "run_id", "status"),
]


class CanonicalError(ValueError):
    """When a text is not JSON, or a value has no canonical form."""


class _NeedsExactNumbers(TypeError):
    """When the C encoder meets a number that it would not write canonically."""


def _number(text: str) -> float | Decimal:
    """The number as float when Python writes it back letter for letter and plainly, else exact."""
    value = float(text)
    plain = repr(value) == text and "e" not in text and not text.endswith(".0")
    return value if plain else Decimal(text)


def _refuse_constant(text: str) -> None:
    raise CanonicalError(f"{text} is not a JSON number")


def _refuse_type(value: object) -> None:
    raise _NeedsExactNumbers(type(value).__name__)


_DECODE = json.JSONDecoder(parse_float=_number, parse_constant=_refuse_constant).decode
_DECODE_EXACT = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant).decode
_ENCODE = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_refuse_type
).encode


def canonical_text(text: str) -> str:
    """The canonical form of a JSON text. Raises CanonicalError.

    No white space; names sorted by code point; strings as in RFC 8785; numbers in plain decimal notation,
    exact, without exponent or superfluous zeros. Differs from RFC 8785 only below 1e-6 and from 1e21 (plain
    here, exponent there), beyond the precision of a double (exact here, rounded there), and in the order of
    names that hold characters above U+FFFF.
    """
    try:
        return _ENCODE(_DECODE(text))
    except (_NeedsExactNumbers, ValueError):
        return _canonical_text_exact(text)
    except RecursionError as error:
        raise CanonicalError("the JSON text is nested too deeply") from error


def _canonical_text_exact(text: str) -> str:
    try:
        return _write(_DECODE_EXACT(text))
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"not JSON: {error.args[0]}") from error


def _write(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_ENCODE(name)}:{_write(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    if isinstance(value, Decimal):
        return _plain(value)
    return _ENCODE(value)


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return "0" if text == "-0" else text


# --- Checkpoints: c2sp.org/tlog-checkpoint in a c2sp.org/signed-note --------------------------------------

MAX_SIGNATURES = 16
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


class CheckpointError(ValueError):
    """When a checkpoint is malformed or not signed by the key it should be signed by. `kind` says which."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Signature:
    """One signature line: who says they signed, with which key, and the signature's bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Checkpoint:
    """A signed statement: the log `origin`, at `size` events, has this `root`. `text` is what is signed."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...]
    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class PublicKey:
    """A P-256 key and the ID by which signature lines name it."""

    key: EllipticCurvePublicKey
    key_id: bytes


def key_id(public_key_der: bytes) -> bytes:
    """First four bytes of SHA-256 of the SPKI DER: signed-note's rule for ECDSA (signature type 0x02)."""
    return sha256(public_key_der).digest()[:4]


def load_public_key(data: bytes) -> PublicKey:
    """A P-256 public key from PEM or DER (SubjectPublicKeyInfo). Raises ValueError on anything else."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = b"-----BEGIN" in data
    key = (serialization.load_pem_public_key if pem else serialization.load_der_public_key)(data)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the public key is not an elliptic-curve key on P-256; ask for the audit log's key")
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(key, key_id(der))


def parse_checkpoint(note: str) -> Checkpoint:
    """Reads one signed checkpoint strictly, without checking its signature. Raises CheckpointError."""
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or _CONTROL.search(note):
        raise _malformed("it is not a text, an empty line and signature lines, each ended by a newline")
    lines = text.split("\n")
    if len(lines) < 3 or "" in lines:
        raise _malformed("its text does not have an origin, a size and a root, each on a line")
    if not _SIZE.fullmatch(lines[1]):
        raise _malformed(f"its size is {lines[1]!r}, not a number in plain digits")
    root = _base64(lines[2])
    if len(root) != HASH_SIZE:
        raise _malformed(f"its root has {len(root)} bytes, not 32")
    signed = tuple(_parse_signature(line) for line in signatures[:-1].split("\n"))
    if len(signed) > MAX_SIGNATURES:
        raise _malformed(f"it has {len(signed)} signatures, more than {MAX_SIGNATURES}")
    return Checkpoint(lines[0], int(lines[1]), root, tuple(lines[3:]), text + "\n", signed)


def _malformed(why: str) -> CheckpointError:
    return CheckpointError("malformed checkpoint", f"the checkpoint cannot be read: {why}")


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise _malformed(f"{text!r} is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise _malformed(f"{text!r} is not base64 in its one canonical form")
    return data


def _parse_signature(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    data = _base64(match[2]) if match else b""
    if not match or len(data) <= 4:
        raise _malformed(f"{line!r} is not a signature line")
    return Signature(match[1], data[:4], data[4:])


def check_signature(checkpoint: Checkpoint, key: PublicKey, origin: str | None = None) -> None:
    """Returns when the log itself signed this checkpoint with this key. Raises CheckpointError.

    Signatures under other names or key IDs are ignored, as signed-note demands. With `origin`, the checkpoint
    must be of that log.
    """
    if origin is not None and checkpoint.origin != origin:
        raise CheckpointError("wrong log", f"it is of the log {checkpoint.origin!r}, not of {origin!r}")
    ours = [s for s in checkpoint.signatures if (s.name, s.key_id) == (checkpoint.origin, key.key_id)]
    if not ours:
        raise CheckpointError("unknown key", f"no signature is by {checkpoint.origin} with key {key.key_id.hex()}")
    for each in ours:
        _check_ecdsa(checkpoint.text.encode(), each.signature, key)


def _check_ecdsa(data: bytes, signature: bytes, key: PublicKey) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.key.verify(signature, data, ECDSA(SHA256()))
    except InvalidSignature:
        raise CheckpointError("bad signature", f"its signature is not by key {key.key_id.hex()}") from None


def split_notes(text: str) -> Iterator[str]:
    """The notes of a file that holds several, one after the other, empty lines between them allowed."""
    note: list[str] = []
    for line in text.split("\n"):
        if note and note[-1].startswith("— ") and not line.startswith("— "):
            yield "\n".join([*note, ""])
            note = []
        if note or line:
            note.append(line)
    if note:
        yield "\n".join(note)
