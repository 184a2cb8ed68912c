"""Checks Vigie's audit trail offline: this file, the standard library and `cryptography` are all it takes.

What is trusted: the public key, the log's name, and the checkpoints that verify under them. Nothing in an export is
trusted: an event counts only because the fingerprints of all events, combined, give the root that a checkpoint signs.
Who holds the signing key could show two auditors two logs: witnesses' cosignatures, where they are demanded, are
against that. docs/governance/audit-format.md describes every format byte for byte.

Exit codes: 0 valid, 1 not valid, 2 could not be checked.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gc
import gzip
import io
import json
import os
import re
import sys
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256, sha512
from itertools import chain, permutations
from json.encoder import encode_basestring
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

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
        """Add one leaf hash at index `size`."""
        self.extend([leaf])

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order: row by row upwards, what has no right neighbour stays behind."""
        row, left_behind, before = list(leaves), [], self.size
        self.size += len(row)
        while row or before:
            if before & 1:
                row.insert(0, self.hashes.pop())
            if len(row) & 1:
                left_behind.append(row.pop())
            row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
            before >>= 1
        self.hashes = left_behind[::-1]

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
    """Return when the leaf is at `index` of the tree of `size` with this root. Raises ProofError if not."""
    if not 0 <= index < size:
        raise ProofError(f"index {index} is outside a tree of {size} leaves")
    if len(leaf) != HASH_SIZE:
        raise ProofError(f"a leaf hash has 32 bytes, got {len(leaf)}")
    _, whole = roots_from_proof(index, index + 1, size, leaf, proof)
    if whole != root:
        raise ProofError(f"the proof leads to root {whole.hex()}, the checkpoint says {root.hex()}")


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Return when the tree of size2 continues that of size1. Raises ProofError if not, or if size1 is 0."""
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


_DECODER = json.JSONDecoder(parse_float=_number, parse_constant=_refuse_constant)
_DECODE_EXACT = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant).decode


def _plain_encoder() -> Callable[[Any], str]:
    """Write a value whose numbers need no more than Python's way of writing them. No value may hold itself.

    `JSONEncoder.encode` makes a C encoder for each value, which takes as long as writing a small one: here it is kept.
    """
    plain = json.JSONEncoder(
        ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_refuse_type,
        check_circular=False,
    )  # fmt: skip
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    write = make(None, _refuse_type, encode_basestring, None, ":", ",", True, False, False)
    return lambda value: "".join(write(value, 0))


encode_plain = _plain_encoder()


def canonical_text(text: str) -> str:
    """The canonical form of a JSON text. Raises CanonicalError.

    No white space; names sorted by code point; strings as in RFC 8785; numbers in plain decimal notation,
    exact, without exponent or superfluous zeros. Differs from RFC 8785 only below 1e-6 and from 1e21 (plain
    here, exponent there), beyond the precision of a double (exact here, rounded there), and in the order of
    names that hold characters above U+FFFF.
    """
    try:
        return _encode(_decode(text))
    except (ValueError, RecursionError):
        return _canonical_text_exact(text)


def _decode(text: str) -> Any:
    """The value of a JSON text. White space around it is looked for only where there is something around it."""
    try:
        value, end = _DECODER.raw_decode(text)
    except ValueError:
        return _DECODER.decode(text)
    return value if end == len(text) else _DECODER.decode(text)


def _canonical_text_exact(text: str) -> str:
    """As canonical_text, for whole numbers too long for `int` as well."""
    try:
        return _write(_DECODE_EXACT(text))
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"not JSON: {error.args[0]}") from error


def _encode(value: Any) -> str:
    try:
        return encode_plain(value)
    except _NeedsExactNumbers:
        return _write(value)


def _write(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode_plain(name)}:{_write(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    if isinstance(value, Decimal):
        return _plain(value)
    return encode_plain(value)


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return "0" if text == "-0" else text


# --- Ed25519: RFC 8032, section 5.1.7, for it has to be checked where there is no `cryptography` too ----------

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
type _Point = tuple[int, int, int, int]  # extended coordinates
_NEUTRAL: _Point = (0, 1, 1, 0)


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of 64 bytes over a message is by this key of 32 bytes."""
    key, scalar = _point(public), int.from_bytes(signature[32:], "little")
    if key is None or len(signature) != 64 or scalar >= _ORDER:
        return False
    hashed = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    minus = (_P - key[0], key[1], key[2], _P - key[3])
    # Both multiples in one go, bit by bit: scalar times the base point, less the hash times the key.
    table, sum_ = (_NEUTRAL, _BASE, minus, _add(_BASE, minus)), _NEUTRAL
    for bit in range(252, -1, -1):
        sum_ = _add(_add(sum_, sum_), table[scalar >> bit & 1 | (hashed >> bit & 1) << 1])
    inverse = pow(sum_[2], -1, _P)
    x, y = sum_[0] * inverse % _P, sum_[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * _D * p[3] * q[3] % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _point(data: bytes) -> _Point | None:
    """The point that 32 bytes encode; None where they encode none, or one under which anybody can sign."""
    number = int.from_bytes(data, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if len(data) != 32 or y >= _P or x * x % _P != square or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    eightfold = point = (x, y, 1, x * y % _P)
    for _ in range(3):
        eightfold = _add(eightfold, eightfold)
    return None if eightfold[0] % _P == 0 else point


_BASE = _point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little")) or _NEUTRAL


# --- Keys and signed notes: c2sp.org/signed-note -----------------------------------------------------------

ED25519, ECDSA, COSIGNATURE = 0x01, 0x02, 0x04
MAX_SIGNATURES = 16
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_VERIFIER_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


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

    def line(self) -> str:
        """The line as it stands in a note."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True)
class PublicKey:
    """A key and the ID by which signature lines name it: P-256, or Ed25519 as 32 bytes."""

    key: EllipticCurvePublicKey | bytes
    key_id: bytes

    def has_signed(self, data: bytes, signature: bytes) -> bool:
        """Whether this key made this signature."""
        if isinstance(self.key, bytes):
            return verify_ed25519(self.key, data, signature)
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self.key.verify(signature, data, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class VerifierKey(PublicKey):
    """A key with the name under which it signs and the kind of its signatures, as one line holds it."""

    name: str
    kind: int


def key_id(public_key_der: bytes) -> bytes:
    """First four bytes of SHA-256 of the SPKI DER: signed-note's rule for ECDSA (signature type 0x02)."""
    return sha256(public_key_der).digest()[:4]


def ed25519_key_id(name: str, kind: int, public: bytes) -> bytes:
    """The same for Ed25519, whose rule names the signer and the kind of signature."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def load_public_key(data: bytes) -> PublicKey:
    """A P-256 key from PEM or DER (SubjectPublicKeyInfo), or a verifier key. Raises ValueError on anything else."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if data.isascii() and _VERIFIER_KEY.fullmatch(data.decode().strip()):
        return parse_verifier_key(data.decode().strip())
    pem = b"-----BEGIN" in data
    key = (serialization.load_pem_public_key if pem else serialization.load_der_public_key)(data)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the public key is not an elliptic-curve key on P-256; ask for the audit log's key")
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(key, key_id(der))


def parse_verifier_key(text: str) -> VerifierKey:
    """A key as one line: name+ID+base64 of its kind and its bytes. Raises ValueError that says what is wrong."""
    match = _VERIFIER_KEY.fullmatch(text)
    material = base64.b64decode(match[3]) if match and len(match[3]) % 4 == 0 else b""
    if not match or len(material) < 2:
        raise ValueError(f"verifier key {text!r} is not name+ID+key: copy the whole line")
    name, kind, public = match[1], material[0], material[1:]
    key: EllipticCurvePublicKey | bytes = public
    if kind == ECDSA:
        key, wanted = load_public_key(public).key, key_id(public)
    elif kind in (ED25519, COSIGNATURE) and _point(public):
        wanted = ed25519_key_id(name, kind, public)
    else:
        raise ValueError(f"verifier key {text!r} is of no known kind, or one under which anybody can sign")
    if wanted.hex() != match[2]:
        raise ValueError(f"verifier key {text!r} was altered: its ID should be {wanted.hex()}")
    return VerifierKey(key, wanted, name, kind)


def format_verifier_key(name: str, kind: int, public: bytes) -> str:
    """The one line of a key: SPKI DER for ECDSA, 32 bytes for Ed25519."""
    wanted = key_id(public) if kind == ECDSA else ed25519_key_id(name, kind, public)
    return f"{name}+{wanted.hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"


def as_verifier_key(origin: str, key: PublicKey) -> str:
    """The one line of a log's key."""
    if isinstance(key.key, bytes):
        return format_verifier_key(origin, ED25519, key.key)
    from cryptography.hazmat.primitives import serialization

    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return format_verifier_key(origin, ECDSA, key.key.public_bytes(encoding, form))


def parse_note(note: str) -> tuple[str, tuple[Signature, ...]]:
    """The text of a signed note, and its signatures, unchecked. Raises CheckpointError."""
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or _CONTROL.search(note):
        raise _malformed("it is not a text, an empty line and signature lines, each ended by a newline")
    if len(lines := text.split("\n")) < 3 or "" in lines:
        raise _malformed("its text does not have an origin, a size and a root, each on a line")
    signed = tuple(_parse_signature(line) for line in signatures[:-1].split("\n"))
    if len(signed) > MAX_SIGNATURES:
        raise _malformed(f"it has {len(signed)} signatures, more than {MAX_SIGNATURES}")
    return text + "\n", signed


def _malformed(why: str) -> CheckpointError:
    return CheckpointError("malformed checkpoint", f"the checkpoint cannot be read: {why}")


def decode_base64(text: str) -> bytes:
    """The bytes that a text in base64 stands for. Raises CheckpointError, also where it is not the canonical form."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise _malformed(f"{text!r} is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise _malformed(f"{text!r} is not base64 in its one canonical form")
    return data


def _parse_signature(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    data = decode_base64(match[2]) if match else b""
    if not match or len(data) <= 4:
        raise _malformed(f"{line!r} is not a signature line")
    return Signature(match[1], data[:4], data[4:])


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


# --- Checkpoints: c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature -------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """A signed statement: the log `origin`, at `size` events, has this `root`. `text` is what is signed."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...]
    text: str
    signatures: tuple[Signature, ...]

    def note(self) -> str:
        """The note, with every signature."""
        return self.text + "\n" + "".join(each.line() for each in self.signatures)


def parse_checkpoint(note: str) -> Checkpoint:
    """Parse one signed checkpoint strictly, without checking its signature. Raises CheckpointError."""
    text, signed = parse_note(note)
    lines = text[:-1].split("\n")
    if not _SIZE.fullmatch(lines[1]):
        raise _malformed(f"its size is {lines[1]!r}, not a number in plain digits")
    root = decode_base64(lines[2])
    if len(root) != HASH_SIZE:
        raise _malformed(f"its root has {len(root)} bytes, not 32")
    return Checkpoint(lines[0], int(lines[1]), root, tuple(lines[3:]), text, signed)


def check_signature(checkpoint: Checkpoint, key: PublicKey, origin: str | None = None) -> None:
    """Return when the log itself signed this checkpoint with this key. Raises CheckpointError.

    Signatures under other names or key IDs are ignored, as signed-note demands. With `origin`, the checkpoint
    must be of that log.
    """
    if origin is not None and checkpoint.origin != origin:
        raise CheckpointError("wrong log", f"it is of the log {checkpoint.origin!r}, not of {origin!r}")
    _check_signed(checkpoint.origin, checkpoint.text, checkpoint.signatures, key)


def _check_signed(name: str, text: str, signatures: Sequence[Signature], key: PublicKey) -> None:
    ours = _lines_of(name, key, signatures)
    if not ours:
        raise CheckpointError("unknown key", f"no signature is by {name} with key {key.key_id.hex()}")
    if not all(key.has_signed(text.encode(), signature) for signature in ours):
        raise CheckpointError("bad signature", f"its signature is not by key {key.key_id.hex()}")


def _lines_of(name: str, key: PublicKey, signatures: Iterable[Signature]) -> list[bytes]:
    """The signatures that say they are by this key under this name."""
    return [each.signature for each in signatures if (each.name, each.key_id) == (name, key.key_id)]


def cosigned_bytes(text: str, timestamp: int) -> bytes:
    """What a witness signs: that at this time (POSIX seconds) it saw this checkpoint as the log's newest."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def has_cosigned(checkpoint: Checkpoint, witness: VerifierKey) -> bool:
    """Whether this witness cosigned. Raises CheckpointError when a line says so and is wrong."""
    lines = _lines_of(witness.name, witness, checkpoint.signatures)
    for each in lines:
        timestamp, signature = int.from_bytes(each[:8]), each[8:]
        if not 0 < timestamp < 1 << 63 or not witness.has_signed(cosigned_bytes(checkpoint.text, timestamp), signature):
            raise CheckpointError("bad signature", f"its cosignature is not by the witness {witness.name}")
    return bool(lines)


_CHANGE = re.compile(r"key change after (0|[1-9][0-9]{0,18})")


def key_change_text(origin: str, size: int, new_key: str) -> str:
    """What the old key signs: checkpoints of more than `size` events are signed by this verifier key."""
    return f"{origin}\nkey change after {size}\n{new_key}\n"


@dataclass(frozen=True)
class KeyChange:
    """A key's statement that checkpoints of more than `size` events are signed by another."""

    origin: str
    size: int
    key: PublicKey
    text: str
    signatures: tuple[Signature, ...]


def parse_key_change(note: str) -> KeyChange | None:
    """The key change that a note states, unchecked; None for a note that states none. Raises CheckpointError."""
    text, signed = parse_note(note)
    lines = text[:-1].split("\n")
    if not (match := _CHANGE.fullmatch(lines[1])):
        return None
    try:
        new = parse_verifier_key(lines[2])
    except ValueError as error:
        raise _malformed(str(error)) from error
    return KeyChange(lines[0], int(match[1]), new, text, signed)


def keys_by_size(key: PublicKey, changes: Iterable[KeyChange], origin: str | None) -> list[tuple[int, PublicKey]]:
    """Every key of a log with the size after which it signs, from this key on. Raises CheckpointError."""
    keys, waiting = [(-1, key)], list(changes)
    while waiting:
        start, last = keys[-1]
        signed = [c for c in waiting if any(s.key_id == last.key_id for s in c.signatures)]
        if not signed:
            raise CheckpointError(
                "unknown key", f"a key change is signed by neither {key.key_id.hex()} nor a successor"
            )
        change = signed[0]
        if len({c.text for c in signed}) > 1 or change.size < start:
            raise CheckpointError("forked", f"key {last.key_id.hex()} named two successors, or one for the past")
        if origin is not None and change.origin != origin:
            raise CheckpointError("wrong log", f"a key change is of the log {change.origin!r}, not of {origin!r}")
        _check_signed(change.origin, change.text, change.signatures, last)
        keys.append((change.size, change.key))
        waiting = [c for c in waiting if c.text != change.text]
    return keys


# --- The export: JSON Lines, one event a line -------------------------------------------------------------

BLOCK_BYTES = 1 << 21
ID_SIZE = 16
_NO_INDEX = -1
_INDEX = rb"(0|[1-9][0-9]{0,17})"
_WORD = rb'"[ !#-\[\]-~]*+"'  # printable ASCII that needs no escape
_MAYBE = rb"(?:null|" + _WORD + rb")"
_ID = rb"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_HOUR = rb"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
# RFC 3339, with its zone. Whether there is such a day, the calendar says.
_TIME = rb"([0-9]{4}-[0-9]{2}-[0-9]{2})T" + _HOUR + rb":[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-]" + _HOUR + rb")"
_USUAL_LINE = re.compile(
    rb'^\{"index":' + _INDEX + rb',"event":(\{"agent":' + _WORD + rb',"customer_id":' + _MAYBE
    + rb',"details":(\{[^\n]*\}),"event_id":"' + _ID + rb'","event_type":' + _WORD + rb',"occurred_at":"' + _TIME
    + rb'","request_id":' + _MAYBE + rb',"run_id":' + _MAYBE + rb',"status":' + _WORD
    + rb'\}),"leaf_hash":"([0-9a-f]{64})"\}\n',
    re.MULTILINE,
)  # fmt: skip
_ANY_LINE = re.compile(rb'\{"index":' + _INDEX + rb'(?:,"event":(\{.*\}))?,"leaf_hash":"([0-9a-f]{64})"\}', re.DOTALL)


def export_line(index: int, event: bytes | None, leaf: bytes) -> bytes:
    """One line of an export. `event` is the event's canonical bytes, or None to withhold its text."""
    text = b"" if event is None else b',"event":' + event
    return b'{"index":%d%b,"leaf_hash":"%b"}\n' % (index, text, leaf.hex().encode())


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind, what it means, and the indices [first, last] it lies between."""

    kind: str
    message: str
    first: int | None = None
    last: int | None = None


@dataclass
class Export:
    """What an export holds. Position i is its i-th line, whatever index that line gives itself.

    `leaves` is the fingerprint of each event as computed here, 32 bytes a line. `ids` are the events' ids, 16 bytes a
    line; where a line gives none, the start of its fingerprint. `claimed` holds the fingerprints that lines give
    themselves, where they differ. `faults` are lines that could not be taken as they stand.
    """

    leaves: bytearray = field(default_factory=bytearray)
    ids: bytearray = field(default_factory=bytearray)
    indices: array[int] = field(default_factory=lambda: array("q"))
    claimed: dict[int, bytes] = field(default_factory=dict)
    faults: dict[int, tuple[str, str]] = field(default_factory=dict)
    withheld: list[int] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.indices)

    def leaf(self, position: int) -> bytes:
        """The computed fingerprint of one line."""
        return bytes(self.leaves[HASH_SIZE * position : HASH_SIZE * (position + 1)])

    def add(self, block: Export) -> None:
        """Append what the next block of lines holds."""
        start = len(self)
        self.leaves += block.leaves
        self.ids += block.ids
        self.indices.extend(block.indices)
        self.claimed.update((start + at, leaf) for at, leaf in block.claimed.items())
        self.faults.update((start + at, fault) for at, fault in block.faults.items())
        self.withheld.extend(start + at for at in block.withheld)


def read_export(stream: IO[bytes], sizes: Iterable[int] = (), jobs: int = 1) -> Export:
    """Read an export and compute the root at each of these sizes that it reaches.

    Hashing and reading the JSON is spread over `jobs` processes; the tree is built here meanwhile.
    """
    export, frontier = Export(), Frontier()
    due = sorted(set(sizes), reverse=True)
    for block in _read_blocks(stream, jobs):
        export.add(block)
        while due and due[-1] <= len(export):
            _grow(frontier, export.leaves, due[-1])
            export.roots[due.pop()] = frontier.root()
        _grow(frontier, export.leaves, len(export))
    if due and due[-1] == 0:
        export.roots[0] = EMPTY_ROOT
    return export


def _grow(frontier: Frontier, leaves: bytearray, size: int) -> None:
    start, end = HASH_SIZE * frontier.size, HASH_SIZE * size
    frontier.extend([bytes(leaves[at : at + HASH_SIZE]) for at in range(start, end, HASH_SIZE)])


def _read_blocks(stream: IO[bytes], jobs: int) -> Iterator[Export]:
    blocks = _whole_lines(stream)
    first = next(blocks, b"")
    second = next(blocks, b"")
    if jobs < 2 or not second:
        yield from map(_read_block, filter(None, [first, second]))
        yield from map(_read_block, blocks)
        return
    from multiprocessing import Pool  # here, because the sealer imports this file and starts cold

    # What is read holds no cycles: looking for some costs a tenth of the time.
    with Pool(jobs, gc.disable) as pool:
        yield _read_block(first)
        yield from pool.imap(_read_block, chain([second], blocks))


def _whole_lines(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while data := stream.read(BLOCK_BYTES):
        lines, newline, tail = data.rpartition(b"\n")
        if newline:
            yield rest + lines + newline
            rest = tail
        else:
            rest += data
    if rest:
        yield rest + b"\n"


def _read_block(block: bytes) -> Export:
    """Some whole lines. Lines of the usual shape are read many at once, any other block line by line."""
    rows: list[tuple[bytes, ...]] = _USUAL_LINE.findall(block)
    usual = len(rows) == block.count(b"\n") and all(_is_day(day) for day in {row[4] for row in rows})
    if not usual or not _all_canonical({row[2] for row in rows}):
        return _read_lines(block[:-1].split(b"\n"))
    leaves = [sha256(b"\x00" + row[1]).digest() for row in rows]
    ids = bytes.fromhex(b"".join([row[3] for row in rows]).replace(b"-", b"").decode())
    export = Export(bytearray(b"".join(leaves)), bytearray(ids), array("q", [int(row[0]) for row in rows]))
    claimed = bytes.fromhex(b"".join([row[5] for row in rows]).decode())
    if claimed != export.leaves:
        own = (claimed[at : at + HASH_SIZE] for at in range(0, len(claimed), HASH_SIZE))
        export.claimed = {at: c for at, (c, leaf) in enumerate(zip(own, leaves, strict=True)) if c != leaf}
    return export


def _is_day(text: bytes) -> bool:
    try:
        date.fromisoformat(text.decode())
    except ValueError:
        return False
    return True


def _all_canonical(texts: set[bytes]) -> bool:
    """Whether each text is one canonical JSON object. False may also mean: look at them one by one.

    They are read in one go, parted by a random word that no text can hold by design: it stands where it must
    in the result only if each text is complete in itself.
    """
    mark = os.urandom(16).hex()
    try:
        joined = "[" + f',"{mark}",'.join([text.decode() for text in texts]) + "]"
        values = _decode(joined)
        return (
            len(values) == 2 * len(texts) - 1
            and values[1::2] == [mark] * (len(texts) - 1)
            and all(isinstance(value, dict) for value in values[::2])
            and _encode(values) == joined
        )
    except (ValueError, RecursionError):
        return False


def _read_lines(lines: list[bytes]) -> Export:
    export = Export()
    for position, line in enumerate(lines):
        index, leaf, own_id = _NO_INDEX, bytes(HASH_SIZE), b""
        fault: tuple[str, str] | None = ("unreadable", "the line is not a line of an export")
        if match := _ANY_LINE.fullmatch(line):
            index, leaf, fault = int(match[1]), bytes.fromhex(match[3].decode()), None
            if match[2] is None:
                export.withheld.append(position)
            else:
                own_id, fault = _read_event(match[2])
                if (computed := leaf_hash(match[2])) != leaf:
                    export.claimed[position], leaf = leaf, computed
        if fault:
            export.faults[position] = fault
        export.leaves += leaf
        export.ids += own_id or leaf[:ID_SIZE]
        export.indices.append(index)
    return export


def _read_event(event: bytes) -> tuple[bytes, tuple[str, str] | None]:
    """The id of an event, and what is wrong with its text."""
    try:
        text = event.decode()
        value = _decode(text)
        if not isinstance(value, dict) or list(value) != EVENT_FIELDS:
            return b"", ("not canonical", "the event does not have the fields of an audit event, in their order")
        same = canonical_text(text) == text
    except (ValueError, RecursionError):
        return b"", ("not canonical", "the event is not JSON")
    if not same:
        return b"", ("not canonical", "the event is not in canonical form, so two readers might read it differently")
    found = re.fullmatch(_ID, str(value["event_id"]).encode())
    if not found:
        return b"", ("malformed event", f"event_id {value['event_id']!r} is not a UUID in lower case")
    own_id = bytes.fromhex(found[1].decode().replace("-", ""))
    time = re.fullmatch(_TIME, str(value["occurred_at"]).encode())
    if not time or not _is_day(time[1]):
        return own_id, (
            "malformed event",
            f"occurred_at {value['occurred_at']!r} is not a time with its zone (RFC 3339)",
        )
    return own_id, None


# --- The diagnosis: what is wrong, and where --------------------------------------------------------------

# Beyond these many events between two checkpoints, telling how they were rearranged would take too long.
MAX_EVENTS_TO_TRY_REMOVING = 512
MAX_EVENTS_TO_TRY_MOVING = 64


@dataclass(frozen=True)
class Verdict:
    """What can be said about an export: valid if nothing is wrong. `checkpoint` is the newest that counts."""

    findings: tuple[Finding, ...]
    events: int
    withheld: int
    checkpoint: Checkpoint | None
    checkpoints: int

    @property
    def valid(self) -> bool:
        """True when every event up to the checkpoint is as it was sealed."""
        return not self.findings and self.checkpoint is not None

    @property
    def sealed(self) -> int:
        """How many of the events the checkpoint covers."""
        return min(self.events, self.checkpoint.size) if self.checkpoint else 0


def verify_export(
    stream: IO[bytes],
    checkpoint_files: Iterable[tuple[str, str]],
    key: PublicKey,
    *,
    origin: str | None = None,
    partial: bool = False,
    jobs: int = 1,
    witnesses: Sequence[VerifierKey] = (),
    required: int = 0,
    known: Sequence[Finding] = (),
) -> Verdict:
    """Check an export against checkpoint files, given as (name, text), and the public key.

    `origin` demands checkpoints of that log; without it they must all be of one. `partial` accepts events whose
    text is withheld and only their fingerprint given. So many of the `witnesses` as `required` says must have
    cosigned the newest checkpoint. `known` are findings about where the checkpoints come from.
    """
    checkpoints, findings = read_checkpoints(checkpoint_files, key, origin)
    export = read_export(stream, [each.size for each in checkpoints], jobs)
    findings += _line_findings(export, partial)
    findings += _order_findings(export)
    findings += _root_findings(export, checkpoints, findings)
    if not findings:
        findings += _sealed_twice(export)
    findings += _witness_findings(checkpoints, witnesses, required)
    findings += known
    findings.sort(key=lambda f: (f.first is not None, f.first or 0))
    newest = checkpoints[-1] if checkpoints else None
    return Verdict(tuple(findings), len(export), len(export.withheld), newest, len(checkpoints))


def read_checkpoints(
    files: Iterable[tuple[str, str]], key: PublicKey, origin: str | None = None
) -> tuple[list[Checkpoint], list[Finding]]:
    """The checkpoints that count, by size, one a size with everybody's signatures; and what is wrong with any."""
    good: list[Checkpoint] = []
    findings: list[Finding] = []
    texts = list(files)
    keys, seen = _read_keys(texts, key, origin, findings), dict[str, dict[str, int]]()
    for name, number, note in _numbered_notes(texts):
        try:
            if _change_in(note):
                continue
            checkpoint = parse_checkpoint(note)
            check_signature(checkpoint, next(k for after, k in reversed(keys) if checkpoint.size > after), origin)
            origin = checkpoint.origin
            _require_order(checkpoint, note, seen.setdefault(name, {}))
            good.append(checkpoint)
        except CheckpointError as error:
            findings.append(Finding(error.kind, f"{name}, checkpoint {number}: {error}"))
    by_size: dict[int, Checkpoint] = {}
    for each in good:
        known = by_size.setdefault(each.size, each)
        if each.root != known.root:
            message = f"two signed checkpoints give the log of {each.size} events different roots"
            findings.append(Finding("forked", message, 0, each.size - 1))
        elif each.text == known.text:
            both = tuple(dict.fromkeys(known.signatures + each.signatures))
            by_size[each.size] = replace(known, signatures=both)
    return [by_size[size] for size in sorted(by_size)], findings


def _numbered_notes(files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, int, str]]:
    for name, text in files:
        for number, note in enumerate(split_notes(text), 1):
            yield name, number, note


def _read_keys(
    files: Iterable[tuple[str, str]], key: PublicKey, origin: str | None, findings: list[Finding]
) -> list[tuple[int, PublicKey]]:
    changes = [change for *_, note in _numbered_notes(files) if (change := _change_in(note))]
    try:
        return keys_by_size(key, changes, origin)
    except CheckpointError as error:
        findings.append(Finding(error.kind, str(error)))
        return [(-1, key)]


def _change_in(note: str) -> KeyChange | None:
    """The key change in a note; None also where the note cannot be read, of which others speak."""
    try:
        return parse_key_change(note)
    except CheckpointError:
        return None


def require_witnesses(checkpoint: Checkpoint, witnesses: Sequence[VerifierKey], required: int) -> None:
    """Return when so many of these witnesses cosigned. Raises CheckpointError. A key counts once, whatever its name."""
    count = len({witness.key for witness in witnesses if has_cosigned(checkpoint, witness)})
    if count < required:
        who = f"{count} of the {required} witnesses that you require have cosigned it"
        raise CheckpointError("not witnessed", f"the checkpoint of {checkpoint.size} events: {who}")


def _witness_findings(
    checkpoints: Sequence[Checkpoint], witnesses: Sequence[VerifierKey], required: int
) -> list[Finding]:
    """Whether the newest checkpoint is cosigned; if not, up to where the log is."""
    problem = None
    for checkpoint in reversed(checkpoints if required else ()):
        try:
            require_witnesses(checkpoint, witnesses, required)
        except CheckpointError as error:
            problem = problem or (error.kind, f"{error}; no older one is cosigned either")
        else:
            if problem:
                message = problem[1].rpartition("; ")[0] + f"; witnessed are the first {checkpoint.size} events only"
                return [Finding(problem[0], message, checkpoint.size, checkpoints[-1].size - 1)]
            break
    return [Finding(*problem)] if problem else []


def _require_order(checkpoint: Checkpoint, note: str, seen: dict[str, int]) -> None:
    """In one file sizes never fall and no checkpoint stands twice, so none can be replaced by an older one."""
    if note in seen:
        raise CheckpointError("replaced checkpoint", "the very same checkpoint stands earlier in this file")
    if seen and checkpoint.size < max(seen.values()):
        raise CheckpointError("replaced checkpoint", f"its size {checkpoint.size} is below an earlier one's")
    seen[note] = checkpoint.size


def _line_findings(export: Export, partial: bool) -> list[Finding]:
    findings = []
    for position, (kind, message) in export.faults.items():
        findings.append(_at(export, position, kind, message))
    for position in export.claimed.keys() - export.faults.keys():
        message = "the text of the event does not match the fingerprint kept with it"
        findings.append(_at(export, position, "edited", message))
    for position in [] if partial else export.withheld:
        message = "the text of the event is missing, only its fingerprint is there"
        findings.append(_at(export, position, "deleted", message))
    return findings


def _at(export: Export, position: int, kind: str, message: str) -> Finding:
    index = export.indices[position]
    index = position if index == _NO_INDEX else index
    return Finding(kind, f"{message} (line {position + 1})", index, index)


def _order_findings(export: Export) -> list[Finding]:
    if export.indices == array("q", range(len(export))):
        return []
    findings: list[Finding] = []
    first_seen: dict[int, int] = {}
    highest = _NO_INDEX
    for position, index in enumerate(export.indices):
        if index == _NO_INDEX:
            highest += 1
            first_seen.setdefault(highest, position)
        elif index in first_seen:
            same = export.leaf(first_seen[index]) == export.leaf(position)
            kind, what = ("duplicated", "the same event") if same else ("inserted", "another event")
            findings.append(_at(export, position, kind, f"{what} with this index stands earlier"))
        elif index < highest:
            findings.append(_at(export, position, "reordered", f"it stands after event {highest}"))
        first_seen.setdefault(index, position)
        highest = max(highest, index)
    return findings + _gaps(sorted(first_seen))


def _gaps(indices: list[int]) -> list[Finding]:
    findings = []
    for before, after in zip([-1, *indices], indices, strict=False):
        if after > before + 1:
            message = f"{after - before - 1} events are missing before event {after}"
            findings.append(Finding("deleted", message, before + 1, after - 1))
    return findings


def _root_findings(export: Export, checkpoints: Sequence[Checkpoint], known: Sequence[Finding]) -> list[Finding]:
    """Compare the tree with every checkpoint. Where it differs, what is `known` to be wrong may explain it."""
    leaves, roots = _undone(export, checkpoints)
    matching = [each.size for each in checkpoints if roots.get(each.size) == each.root]
    for each in checkpoints:
        if each.size * HASH_SIZE > len(leaves) or each.size in matching:
            continue
        low = max((size for size in matching if size < each.size), default=0)
        if any(f.first is not None and f.first < each.size and low <= (f.last or 0) for f in known):
            return []
        if matching and matching[-1] > each.size:
            message = f"the log continues a later signed checkpoint, but not the one of {each.size} events"
            return [Finding("forked", message, low, each.size - 1)]
        return [_explain(leaves, low, each, checkpoints[-1].size)]
    return _missing_tail(export, checkpoints[-1].size, matching) if checkpoints else []


def _missing_tail(export: Export, newest: int, matching: Sequence[int]) -> list[Finding]:
    count = max(max(export.indices, default=_NO_INDEX) + 1, 0)
    if newest <= count or newest <= len(export):
        return []
    if count == 0 or count in matching:
        message = f"the log ends where an older checkpoint ends: {newest - count} sealed events are missing"
        return [Finding("rolled back" if count else "truncated", message, count, newest - 1)]
    message = f"{newest - count} sealed events are missing, most likely from event {count} on"
    return [Finding("truncated", message, max(matching, default=0), newest - 1)]


def _undone(export: Export, checkpoints: Sequence[Checkpoint]) -> tuple[bytearray, dict[int, bytes]]:
    """The leaves, and the roots, that are left when the faults that lines give away are undone.

    Lines are put in the order of their indices; of two with one index, and of a text and a fingerprint that
    disagree, that is taken which agrees with more checkpoints. Where an index is missing, the leaves end.
    """
    if not export.claimed and export.indices == array("q", range(len(export))):
        return export.leaves, export.roots
    best: tuple[int, bytearray, dict[int, bytes]] = (-1, bytearray(), {})
    for claimed, last in ((True, False), (False, False), (True, True), (False, True)):
        leaves = _by_index(export, claimed, last)
        roots = _roots(leaves, [each.size for each in checkpoints])
        score = sum(roots.get(each.size) == each.root for each in checkpoints)
        best = max(best, (score, leaves, roots), key=lambda option: option[0])
        if score == len(checkpoints):
            break
    return best[1], best[2]


def _by_index(export: Export, claimed: bool, last: bool) -> bytearray:
    places: dict[int, int] = {}
    for position, index in enumerate(export.indices):
        if last or index not in places:
            places[index] = position
    leaves = bytearray()
    for index in range(len(export)):
        if (position := places.get(index, _NO_INDEX)) == _NO_INDEX:
            break
        own = export.leaf(position)
        leaves += export.claimed.get(position, own) if claimed else own
    return leaves


def _roots(leaves: bytearray, sizes: Iterable[int]) -> dict[int, bytes]:
    frontier, roots = Frontier(), {}
    for size in sizes:
        if size * HASH_SIZE <= len(leaves):
            _grow(frontier, leaves, size)
            roots[size] = frontier.root()
    return roots


def _explain(packed: bytearray, low: int, checkpoint: Checkpoint, newest: int) -> Finding:
    """Why the events from `low` on do not give the checkpoint's root, though every line looks right in itself."""
    size, count = checkpoint.size, len(packed) // HASH_SIZE
    leaves = [bytes(packed[at : at + HASH_SIZE]) for at in range(0, HASH_SIZE * (size + 1), HASH_SIZE)]
    base = Frontier()
    base.extend(leaves[:low])
    if count > size and (found := _explain_extra(base, leaves, checkpoint)):
        return found
    if size - low <= MAX_EVENTS_TO_TRY_MOVING and (found := _explain_order(base, leaves[:size], checkpoint)):
        return found
    where = f"between event {low} and event {size - 1}"
    if count < newest:
        message = f"{newest - count} sealed events are missing, the first of them {where}"
        return Finding("deleted", message, low, size - 1)
    message = f"{where} at least one was changed, replaced or moved, and its fingerprint rewritten to match"
    return Finding("rewritten", message, low, size - 1)


def _leads_to(base: Frontier, leaves: Sequence[bytes], root: bytes) -> bool:
    frontier = Frontier(base.size, list(base.hashes))
    frontier.extend(leaves)
    return frontier.root() == root


def _explain_extra(base: Frontier, leaves: list[bytes], checkpoint: Checkpoint) -> Finding | None:
    """Whether the root comes out when one event, first of all one that stands twice, is left out."""
    low, size = base.size, checkpoint.size
    places = {leaf: at for at, leaf in reversed(list(enumerate(leaves)))}
    twice = [at for at in range(low, size) if places[leaves[at]] < at]
    few = size - low <= MAX_EVENTS_TO_TRY_REMOVING
    for at in chain(twice[: None if few else 3], range(low, size) if few else ()):
        if _leads_to(base, leaves[low:at] + leaves[at + 1 : size + 1], checkpoint.root):
            kind = "duplicated" if at in twice else "inserted"
            return Finding(kind, "without this event the log would match the checkpoint", at, at)
    return None


def _explain_order(base: Frontier, leaves: list[bytes], checkpoint: Checkpoint) -> Finding | None:
    """Whether the root comes out when two events change places, or one moves to another place."""
    low, size = base.size, checkpoint.size
    for first, second in permutations(range(low, size), 2):
        moved = leaves[low:]
        moved.insert(second - low, moved.pop(first - low))
        swapped = leaves[low:]
        swapped[first - low], swapped[second - low] = leaves[second], leaves[first]
        if _leads_to(base, moved, checkpoint.root) or _leads_to(base, swapped, checkpoint.root):
            lower, upper = sorted((first, second))
            return Finding("reordered", f"events {lower} and {upper} are not in their places", lower, upper)
    return None


def _sealed_twice(export: Export) -> list[Finding]:
    """One event id must be one leaf, even though a signed log that says otherwise was not tampered with."""
    ids = [bytes(export.ids[at : at + ID_SIZE]) for at in range(0, len(export.ids), ID_SIZE)]
    if len(set(ids)) == len(ids):
        return []
    seen: set[bytes] = set()
    for index, own_id in enumerate(ids):
        if own_id in seen:
            return [Finding("duplicated", "an event with this id was sealed before, under a lower index", index, index)]
        seen.add(own_id)
    return []


# --- The write-once store, as somebody may have treated it ------------------------------------------------

LISTING = "versions.json"
_STORED = re.compile(r"(checkpoints|cosignatures|keys)/([0-9]{20})(?:-[0-9a-f]{8})?\.txt")


def is_stored_note(name: str) -> bool:
    """Whether an object of the store is one that the log puts there."""
    return _STORED.fullmatch(name) is not None


def read_store(folder: Path, demanded: Iterable[str]) -> tuple[list[tuple[str, str]], list[Finding]]:
    """The notes of a store, every version of each, and what is wrong with it.

    The folder holds `versions.json`, as `aws s3api list-object-versions` answers it, and `N.txt`, the content of the
    N-th of its `Versions`, from 0 on. `demanded` are checkpoints that the store must hold.
    """
    try:
        listing = json.loads((folder / LISTING).read_text(encoding="utf-8"))
        versions = [str(version["Key"]) for version in listing.get("Versions") or []]
        hidden = [str(marker["Key"]) for marker in listing.get("DeleteMarkers") or []]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / LISTING} is not a listing of the store's versions") from error
    findings = [Finding("hidden", f"{name}: a delete marker hides it") for name in hidden]
    for name, count in Counter(versions).items():
        if not is_stored_note(name):
            findings.append(Finding("foreign object", f"{name}: no object of the log has such a name"))
        elif count > 1:
            findings.append(Finding("overwritten", f"{name}: it was overwritten, the store holds {count} versions"))
    files: list[tuple[str, str]] = []
    stored: set[int] = set()
    for number, name in enumerate(versions):
        if match := _STORED.fullmatch(name):
            text = (folder / f"{number}.txt").read_text(encoding="utf-8", errors="replace")
            files.append((f"{name} (version {number})", text))
            if match[1] == "checkpoints":
                stored.add(int(match[2]))
            findings += [f for note in split_notes(text) if (f := _misnamed(name, int(match[2]), note))]
    for checkpoint in _readable(demanded):
        if checkpoint.size not in stored:
            message = f"the store lacks the checkpoint of {checkpoint.size} events, which was published"
            findings.append(Finding("missing checkpoint", message))
    return files, findings


def _misnamed(name: str, size: int, note: str) -> Finding | None:
    note_size = change.size if (change := _change_in(note)) else next((c.size for c in _readable([note])), size)
    if note_size == size and bool(change) == name.startswith("keys/"):
        return None
    return Finding("replaced checkpoint", f"{name}: it holds another statement, about {note_size} events")


def _readable(notes: Iterable[str]) -> Iterator[Checkpoint]:
    for note in notes:
        with contextlib.suppress(CheckpointError):
            yield parse_checkpoint(note)


# --- What the auditor remembers from one time to the next -------------------------------------------------


@dataclass(frozen=True)
class Trust:
    """The log's name, its first key, the newest valid checkpoint and its key: what the auditor's file pins."""

    origin: str
    key: str
    checkpoint: str
    successor: str

    @classmethod
    def read(cls, path: Path) -> Trust | None:
        """What the file pins; None when there is none yet. Raises ValueError for a file that cannot be relied on."""
        if not path.exists():
            return None
        if path.stat().st_mode & 0o022:
            raise ValueError(f"{path} can be written by others than its owner: check what it pins, then chmod 600 it")
        try:
            trust = cls(**json.loads(path.read_text(encoding="utf-8")))
            parse_verifier_key(trust.key)
            parse_verifier_key(trust.successor)
            parse_checkpoint(trust.checkpoint)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is no trust file: {error}. Put it back from a copy, or begin anew") from error
        return trust

    def write(self, path: Path) -> None:
        """Write the file whole or not at all, for its owner only."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            json.dump(vars(self), file, indent=1)
        Path(file.name).replace(path)

    def changes(self, given: PublicKey | None, origin: str | None, keys: Sequence[PublicKey] = ()) -> list[Finding]:
        """What differs between what is pinned and what is given now; `keys` are those that the pinned one named."""
        pinned = [parse_verifier_key(self.key), parse_verifier_key(self.successor), *keys]
        findings = []
        if given and given.key_id not in [key.key_id for key in pinned]:
            message = f"the key given is {given.key_id.hex()}, the trust file pins {pinned[0].key_id.hex()}"
            findings.append(Finding("not trusted", message))
        if origin and origin != self.origin:
            findings.append(Finding("not trusted", f"the log given is {origin!r}, the trust file pins {self.origin!r}"))
        return findings


# --- Proofs about single events and single checkpoints ----------------------------------------------------

INCLUSION = "vigie inclusion proof"
CONSISTENCY = "vigie consistency proof"


def check_inclusion_file(
    text: str, key: PublicKey, origin: str | None = None, witnesses: Sequence[VerifierKey] = (), required: int = 0
) -> tuple[str, int, Checkpoint]:
    """Check an inclusion proof file; return the event's canonical text, its index and the checkpoint.

    Raises ProofError when the event is not proved, CheckpointError when the checkpoint does not count.
    """
    proof = _proof_object(text, INCLUSION, {"index": int, "event": dict, "proof": list, "checkpoint": str})
    checkpoint = _checked(proof["checkpoint"], key, origin)
    require_witnesses(checkpoint, witnesses, required)
    event = _encode(proof["event"])
    leaf = leaf_hash(event.encode())
    verify_inclusion(proof["index"], checkpoint.size, leaf, _hashes(proof["proof"]), checkpoint.root)
    return event, proof["index"], checkpoint


def check_consistency_file(
    text: str, key: PublicKey, origin: str | None = None, witnesses: Sequence[VerifierKey] = (), required: int = 0
) -> tuple[Checkpoint, Checkpoint]:
    """Check a consistency proof file; return the older and the newer checkpoint. Raises as the above."""
    proof = _proof_object(text, CONSISTENCY, {"first": str, "second": str, "proof": list})
    first = _checked(proof["first"], key, origin)
    second = _checked(proof["second"], key, first.origin)
    require_witnesses(second, witnesses, required)
    verify_consistency(first.size, second.size, first.root, second.root, _hashes(proof["proof"]))
    return first, second


def _checked(note: str, key: PublicKey, origin: str | None) -> Checkpoint:
    checkpoint = parse_checkpoint(note)
    check_signature(checkpoint, key, origin)
    return checkpoint


def _proof_object(text: str, kind: str, fields: dict[str, type]) -> dict[str, Any]:
    decoder = json.JSONDecoder(parse_float=_number, parse_constant=_refuse_constant, object_pairs_hook=_refuse_twice)
    try:
        proof = decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise ProofError(f"the proof file is not JSON: {error.args[0]}") from error
    if not isinstance(proof, dict) or proof.keys() != {"kind", *fields} or proof["kind"] != kind:
        raise ProofError(f"a {kind} has kind {kind!r} and the fields {', '.join(fields)}")
    for name, wanted in fields.items():
        if type(proof[name]) is not wanted:
            raise ProofError(f"field {name} is not a JSON {wanted.__name__}")
    return proof


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ProofError("a name stands twice in one object")
    return dict(pairs)


def _hashes(texts: Sequence[object]) -> list[bytes]:
    if not all(isinstance(each, str) and re.fullmatch(r"[0-9a-f]{64}", each) for each in texts):
        raise ProofError("field proof holds something other than 64 lower-case hexadecimal digits")
    return [bytes.fromhex(str(each)) for each in texts]


# --- The command ------------------------------------------------------------------------------------------

VALID, NOT_VALID, NOT_CHECKED = 0, 1, 2
KINDS = {
    "edited": "An event was changed after it was sealed.",
    "deleted": "Sealed events were taken out.",
    "inserted": "An event was put in that was not sealed there.",
    "duplicated": "An event stands twice.",
    "reordered": "Events are not in the order in which they were sealed.",
    "rewritten": "Sealed events were altered together with their fingerprints.",
    "truncated": "The end of the log is missing.",
    "rolled back": "The log was put back to an older state.",
    "forked": "Two histories were signed for the same log.",
    "unreadable": "A line of the export cannot be read.",
    "not canonical": "An event is not written in the one agreed form.",
    "malformed checkpoint": "A checkpoint is damaged.",
    "unknown key": "A checkpoint is not signed by the key you gave.",
    "bad signature": "A checkpoint was changed, or its signature forged.",
    "wrong log": "A checkpoint belongs to another log.",
    "replaced checkpoint": "A checkpoint was put in the place of another.",
    "malformed event": "An event has no proper id or time.",
    "overwritten": "A checkpoint in the store was overwritten.",
    "hidden": "Something in the store was deleted: a delete marker hides it.",
    "foreign object": "The store holds something that the log did not put there.",
    "missing checkpoint": "A published checkpoint is not in the store any more.",
    "not trusted": "The key or the log's name is another than the one you pinned.",
    "not witnessed": "Too few of the witnesses you named have cosigned the newest checkpoint.",
}
EXPLANATION = """\
Checks that an audit trail is complete and unchanged since it was sealed.

You need four things, from different places if you can: the export (from whoever is audited), the checkpoints (best
fetched by yourself from the write-once store, with all their versions), the public key and the log's name (from a
source you trust). Keep a trust file: it pins key, name and the newest checkpoint from the first time on. The log may
have grown since the newest checkpoint; those newer events are counted but not vouched for. Whoever holds the signing
key can show you another log than others: only witnesses that you choose yourself are against that.

Exit code: 0 valid, 1 not valid, 2 could not be checked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        trust = Trust.read(Path(options.trust)) if options.trust else None
        if not options.key and not trust:
            raise ValueError("no public key: give --key FILE, or a --trust FILE that pins it")
        if not options.origin and not options.trust:
            raise ValueError("whose log? Give its name (--origin NAME), or a file that pins it (--trust FILE)")
        options.witnesses = [parse_verifier_key(each) for each in options.witness_key]
        options.required = len(options.witnesses) if options.required is None else options.required
        if any(each.kind != COSIGNATURE for each in options.witnesses):
            raise ValueError("a --witness-key is not a witness's: its kind is not cosignature/v1 (4)")
        if not 0 <= options.required <= len({each.key for each in options.witnesses}):
            raise ValueError(f"--required {options.required}: there are {len(options.witnesses)} --witness-key")
        return int(options.run(options, trust))
    except (OSError, EOFError, ValueError) as error:
        _say(f"COULD NOT BE CHECKED: {error}")
        return NOT_CHECKED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "vigie.verify", description=EXPLANATION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="export | inclusion | consistency")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--key", help="the public key of the audit log (PEM, DER, or its one line in a file)")
    common.add_argument("--origin", help="the name of the log; what the trust file pins unless given")
    common.add_argument("--trust", metavar="FILE", help="your file that pins key and name; made on first use")
    common.add_argument("--witness-key", action="append", default=[], metavar="NAME+ID+KEY", help="a witness you trust")
    common.add_argument("--required", type=int, metavar="N", help="how many of them must have cosigned; all by default")
    export = commands.add_parser("export", parents=[common], help="check a whole log: nothing changed or missing")
    export.add_argument("export", help="the log, one event a line (.jsonl or .jsonl.gz)")
    export.add_argument("--checkpoints", required=True, nargs="+", help="checkpoint files, or folders of them")
    export.add_argument(
        "--store", metavar="FOLDER", help="the write-once store, every version (versions.json, 0.txt, …)"
    )
    export.add_argument("--waiting", nargs="*", default=[], help="checkpoint files that the store need not hold yet")
    export.add_argument("--partial", action="store_true", help="accept events whose text is withheld")
    export.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes to use")
    export.add_argument("--json", action="store_true", help="answer in JSON")
    export.set_defaults(run=_run_export)
    inclusion = commands.add_parser("inclusion", parents=[common], help="check that one event is in the log")
    inclusion.set_defaults(run=_run_proof, answer=_answer_inclusion)
    consistency = commands.add_parser("consistency", parents=[common], help="check that a log only grew")
    consistency.set_defaults(run=_run_proof, answer=_answer_consistency)
    for each in (inclusion, consistency):
        each.add_argument("proof", help="the proof file (JSON)")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _run_export(options: argparse.Namespace, trust: Trust | None) -> int:
    key, origin = _key_and_origin(options, trust)
    files = _texts(options.checkpoints)
    known: list[Finding] = []
    if not files:
        raise ValueError(f"no checkpoint file in {', '.join(options.checkpoints)}")
    if options.store:
        stored, known = read_store(Path(options.store), [note for *_, note in _numbered_notes(files)])
        files += stored
    files += _texts(options.waiting)
    keys = [each for _, each in _read_keys(files, key, origin, [])]
    if trust:
        known += trust.changes(_given_key(options), options.origin, keys)
        files.append((options.trust, trust.checkpoint))
    with _open_export(options.export) as stream:
        verdict = verify_export(
            stream, files, key, origin=origin, partial=options.partial, jobs=options.jobs,
            witnesses=options.witnesses, required=options.required, known=known,
        )  # fmt: skip
    first = bool(options.trust) and not trust
    _say(_as_json(verdict, first) if options.json else "\n".join(_as_text(verdict, options.required)))
    if verdict.valid and verdict.checkpoint and options.trust:
        _pin(options, trust, verdict.checkpoint, keys)
    return VALID if verdict.valid else NOT_VALID


def _given_key(options: argparse.Namespace) -> PublicKey | None:
    return load_public_key(Path(options.key).read_bytes()) if options.key else None


def _key_and_origin(
    options: argparse.Namespace, trust: Trust | None, newest: bool = False
) -> tuple[PublicKey, str | None]:
    """What counts: the first key, or the newest, and the name that are pinned; only without them those given."""
    if trust:
        return parse_verifier_key(trust.successor if newest else trust.key), trust.origin
    return load_public_key(Path(options.key).read_bytes()), options.origin


def _pin(options: argparse.Namespace, trust: Trust | None, newest: Checkpoint, keys: Sequence[PublicKey]) -> None:
    line, last = (as_verifier_key(newest.origin, key) for key in (keys[0], keys[-1]))
    Trust(newest.origin, line, newest.note(), last).write(Path(options.trust))
    if not trust and not options.json:
        _say(
            f"\nTrust on first use: nothing was pinned before. {options.trust} pins from now on the log "
            f"{newest.origin}, the key\n{line}\nand this checkpoint. Compare name and key with what their owner "
            "published elsewhere, keep the file, and give it (--trust) each time."
        )


def _texts(names: Sequence[str]) -> list[tuple[str, str]]:
    """Name and text of each of these files, and of every file in these folders."""
    paths: list[Path] = []
    for path in map(Path, names):
        paths += sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return [(str(path), path.read_text(encoding="utf-8")) for path in paths]


def _open_export(name: str) -> IO[bytes]:
    if name.endswith(".gz"):
        return io.BufferedReader(gzip.open(name), BLOCK_BYTES)
    return Path(name).open("rb")


def _as_text(verdict: Verdict, required: int = 0) -> Iterator[str]:
    counts, newest = Counter(finding.kind for finding in verdict.findings), verdict.checkpoint
    yield "VALID" if verdict.valid else "NOT VALID"
    of = f"{newest.origin}, {newest.size} events, root {newest.root.hex()}" if newest else "none that counts"
    yield f"Checkpoint: {of}"
    yield f"Checkpoints that count: {verdict.checkpoints}"
    yield f"Events: {verdict.events}, of which the checkpoint covers {verdict.sealed}"
    if verdict.events > verdict.sealed and verdict.valid:
        yield f"The last {verdict.events - verdict.sealed} are newer than the checkpoint: nothing is said of them."
    if required and newest and "not witnessed" not in counts:
        yield f"Witnesses: at least {required} of those you named have cosigned the newest checkpoint"
    if verdict.withheld:
        yield f"Events whose text is withheld: {verdict.withheld}"
    for kind, count in counts.items():
        yield f"\n{kind} ({count}): {KINDS[kind]}"
        for finding in [each for each in verdict.findings if each.kind == kind][:10]:
            yield f"  {_where(finding)}{finding.message}"


def _where(finding: Finding) -> str:
    if finding.first is None:
        return ""
    several = finding.first != finding.last
    return f"events {finding.first} to {finding.last}: " if several else f"event {finding.first}: "


def _as_json(verdict: Verdict, trusted_on_first_use: bool) -> str:
    checkpoint = verdict.checkpoint
    return json.dumps(
        {
            "valid": verdict.valid,
            "trusted_on_first_use": trusted_on_first_use,
            "events": verdict.events,
            "sealed": verdict.sealed,
            "withheld": verdict.withheld,
            "checkpoints": verdict.checkpoints,
            "origin": checkpoint.origin if checkpoint else None,
            "tree_size": checkpoint.size if checkpoint else None,
            "root_hash": checkpoint.root.hex() if checkpoint else None,
            "findings": [vars(finding) for finding in verdict.findings],
        }
    )


def _run_proof(options: argparse.Namespace, trust: Trust | None) -> int:
    if options.trust and not trust:
        raise ValueError(f"{options.trust} is not there yet: the command `export` makes it, from the whole log")
    text = Path(options.proof).read_text(encoding="utf-8")
    try:
        for change in trust.changes(_given_key(options), options.origin) if trust else []:
            raise CheckpointError(change.kind, change.message)
        key, origin = _key_and_origin(options, trust, newest=True)
        _say("VALID\n" + options.answer(text, key, origin, options.witnesses, options.required))
    except (ProofError, CheckpointError) as error:
        _say(f"NOT VALID\n{error}")
        return NOT_VALID
    return VALID


def _answer_inclusion(*given: Any) -> str:
    event, index, checkpoint = check_inclusion_file(*given)
    return (
        f"This event is event {index} of the {checkpoint.size} events that checkpoint "
        f"{checkpoint.root.hex()} of {checkpoint.origin} seals:\n{event}"
    )


def _answer_consistency(*given: Any) -> str:
    first, second = check_consistency_file(*given)
    return (
        f"{first.origin} only grew: its first {first.size} events are still the same, in the same order, "
        f"now that it has {second.size}."
    )


if __name__ == "__main__":
    sys.exit(main())
