"""Checks Vigie's audit trail offline: this file, the standard library and `cryptography` are all it takes.

What is trusted: the public key, and the checkpoints that verify under it. Nothing in an export is trusted: an
event counts only because the fingerprints of all events, combined, give the root that a checkpoint signs.
docs/governance/audit-format.md describes every format byte for byte.

Exit codes: 0 valid, 1 not valid, 2 could not be checked.
"""

from __future__ import annotations

import argparse
import base64
import gc
import gzip
import io
import json
import os
import re
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
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
    """Parse one signed checkpoint strictly, without checking its signature. Raises CheckpointError."""
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
    """Return when the log itself signed this checkpoint with this key. Raises CheckpointError.

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


# --- The export: JSON Lines, one event a line -------------------------------------------------------------

BLOCK_BYTES = 1 << 21
_NO_INDEX = -1
_INDEX = rb"(0|[1-9][0-9]{0,17})"
_WORD = rb'"[ !#-\[\]-~]*+"'  # printable ASCII that needs no escape
_MAYBE = rb"(?:null|" + _WORD + rb")"
_USUAL_LINE = re.compile(
    rb'^\{"index":' + _INDEX + rb',"event":(\{"agent":' + _WORD + rb',"customer_id":' + _MAYBE
    + rb',"details":(\{[^\n]*\}),"event_id":' + _WORD + rb',"event_type":' + _WORD + rb',"occurred_at":' + _WORD
    + rb',"request_id":' + _MAYBE + rb',"run_id":' + _MAYBE + rb',"status":' + _WORD
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

    `leaves` is the fingerprint of each event as computed here, 32 bytes a line. `claimed` holds the fingerprints
    that lines give themselves, where they differ. `faults` are lines that could not be taken as they stand.
    """

    leaves: bytearray = field(default_factory=bytearray)
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
    rows: list[tuple[bytes, bytes, bytes, bytes]] = _USUAL_LINE.findall(block)
    if len(rows) != block.count(b"\n") or not _all_canonical({row[2] for row in rows}):
        return _read_lines(block[:-1].split(b"\n"))
    leaves = [sha256(b"\x00" + row[1]).digest() for row in rows]
    export = Export(bytearray(b"".join(leaves)), array("q", [int(row[0]) for row in rows]))
    claimed = bytes.fromhex(b"".join([row[3] for row in rows]).decode())
    if claimed != export.leaves:
        own = (claimed[at : at + HASH_SIZE] for at in range(0, len(claimed), HASH_SIZE))
        export.claimed = {at: c for at, (c, leaf) in enumerate(zip(own, leaves, strict=True)) if c != leaf}
    return export


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
        match = _ANY_LINE.fullmatch(line)
        if not match:
            export.faults[position] = ("unreadable", "the line is not a line of an export")
            export.leaves += bytes(HASH_SIZE)
            export.indices.append(_NO_INDEX)
            continue
        claimed = leaf = bytes.fromhex(match[3].decode())
        if match[2] is None:
            export.withheld.append(position)
        else:
            leaf = leaf_hash(match[2])
            if problem := _event_problem(match[2]):
                export.faults[position] = ("not canonical", problem)
        if leaf != claimed:
            export.claimed[position] = claimed
        export.leaves += leaf
        export.indices.append(int(match[1]))
    return export


def _event_problem(event: bytes) -> str | None:
    try:
        text = event.decode()
        value = _decode(text)
        if not isinstance(value, dict) or list(value) != EVENT_FIELDS:
            return "the event does not have the fields of an audit event, in their order"
        same = canonical_text(text) == text
    except (ValueError, RecursionError):
        return "the event is not JSON"
    return None if same else "the event is not in canonical form, so two readers might read it differently"


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
) -> Verdict:
    """Check an export against checkpoint files, given as (name, text), and the public key.

    `origin` demands checkpoints of that log; without it they must all be of one. `partial` accepts events whose
    text is withheld and only their fingerprint given.
    """
    checkpoints, findings = read_checkpoints(checkpoint_files, key, origin)
    export = read_export(stream, [each.size for each in checkpoints], jobs)
    findings += _line_findings(export, partial)
    findings += _order_findings(export)
    findings += _root_findings(export, checkpoints, findings)
    if not findings:
        findings += _sealed_twice(export)
    findings.sort(key=lambda f: (f.first is not None, f.first or 0))
    newest = checkpoints[-1] if checkpoints else None
    return Verdict(tuple(findings), len(export), len(export.withheld), newest, len(checkpoints))


def read_checkpoints(
    files: Iterable[tuple[str, str]], key: PublicKey, origin: str | None = None
) -> tuple[list[Checkpoint], list[Finding]]:
    """The checkpoints that count, by size, one a size; and what is wrong with any."""
    good: list[Checkpoint] = []
    findings: list[Finding] = []
    for name, text in files:
        seen: dict[str, int] = {}
        for number, note in enumerate(split_notes(text), 1):
            try:
                checkpoint = parse_checkpoint(note)
                check_signature(checkpoint, key, origin)
                origin = checkpoint.origin
                _require_order(checkpoint, note, seen)
                good.append(checkpoint)
            except CheckpointError as error:
                findings.append(Finding(error.kind, f"{name}, checkpoint {number}: {error}"))
    by_size = {each.size: each for each in good}
    for each in good:
        if each.root != by_size[each.size].root:
            message = f"two signed checkpoints give the log of {each.size} events different roots"
            findings.append(Finding("forked", message, 0, each.size - 1))
    return [by_size[size] for size in sorted(by_size)], findings


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
    """One event must be one leaf, even though a signed log that says otherwise was not tampered with."""
    leaves = [bytes(export.leaves[at : at + HASH_SIZE]) for at in range(0, len(export.leaves), HASH_SIZE)]
    if len(set(leaves)) == len(leaves):
        return []
    seen: set[bytes] = set()
    for index, leaf in enumerate(leaves):
        if leaf in seen:
            return [Finding("duplicated", "the same event was sealed before, under a lower index", index, index)]
        seen.add(leaf)
    return []


# --- Proofs about single events and single checkpoints ----------------------------------------------------

INCLUSION = "vigie inclusion proof"
CONSISTENCY = "vigie consistency proof"


def check_inclusion_file(text: str, key: PublicKey, origin: str | None = None) -> tuple[str, int, Checkpoint]:
    """Check an inclusion proof file; return the event's canonical text, its index and the checkpoint.

    Raises ProofError when the event is not proved, CheckpointError when the checkpoint does not count.
    """
    proof = _proof_object(text, INCLUSION, {"index": int, "event": dict, "proof": list, "checkpoint": str})
    checkpoint = _checked(proof["checkpoint"], key, origin)
    event = _encode(proof["event"])
    leaf = leaf_hash(event.encode())
    verify_inclusion(proof["index"], checkpoint.size, leaf, _hashes(proof["proof"]), checkpoint.root)
    return event, proof["index"], checkpoint


def check_consistency_file(text: str, key: PublicKey, origin: str | None = None) -> tuple[Checkpoint, Checkpoint]:
    """Check a consistency proof file; return the older and the newer checkpoint. Raises as the above."""
    proof = _proof_object(text, CONSISTENCY, {"first": str, "second": str, "proof": list})
    first = _checked(proof["first"], key, origin)
    second = _checked(proof["second"], key, first.origin)
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
}
EXPLANATION = """\
Checks that an audit trail is complete and unchanged since it was sealed.

You need three things, from three places if you can: the export (from whoever is audited), the checkpoints (best
fetched by yourself from the write-once store) and the public key (from a source you trust). The log may have
grown since the newest checkpoint; those newer events are counted but not vouched for.

Exit code: 0 valid, 1 not valid, 2 could not be checked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        key = load_public_key(Path(options.key).read_bytes())
        return int(options.run(options, key))
    except (OSError, EOFError, ValueError) as error:
        _say(f"COULD NOT BE CHECKED: {error}")
        return NOT_CHECKED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "vigie.verify", description=EXPLANATION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="export | inclusion | consistency")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--key", required=True, help="the public key of the audit log (PEM or DER)")
    common.add_argument("--origin", help="the name of the log; without it, whatever the checkpoints say")
    export = commands.add_parser("export", parents=[common], help="check a whole log: nothing changed or missing")
    export.add_argument("export", help="the log, one event a line (.jsonl or .jsonl.gz)")
    export.add_argument("--checkpoints", required=True, nargs="+", help="checkpoint files, or folders of them")
    export.add_argument("--partial", action="store_true", help="accept events whose text is withheld")
    export.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes to use")
    export.add_argument("--json", action="store_true", help="answer in JSON")
    export.set_defaults(run=_run_export)
    inclusion = commands.add_parser("inclusion", parents=[common], help="check that one event is in the log")
    inclusion.set_defaults(run=_run_inclusion)
    consistency = commands.add_parser("consistency", parents=[common], help="check that a log only grew")
    consistency.set_defaults(run=_run_consistency)
    for each in (inclusion, consistency):
        each.add_argument("proof", help="the proof file (JSON)")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _run_export(options: argparse.Namespace, key: PublicKey) -> int:
    files = [(str(path), path.read_text(encoding="utf-8")) for path in _files(options.checkpoints)]
    if not files:
        raise ValueError(f"no checkpoint file in {', '.join(options.checkpoints)}")
    with _open_export(options.export) as stream:
        verdict = verify_export(stream, files, key, origin=options.origin, partial=options.partial, jobs=options.jobs)
    _say(_as_json(verdict) if options.json else "\n".join(_as_text(verdict)))
    return VALID if verdict.valid else NOT_VALID


def _files(names: Sequence[str]) -> Iterator[Path]:
    for path in map(Path, names):
        yield from sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _open_export(name: str) -> IO[bytes]:
    if name.endswith(".gz"):
        return io.BufferedReader(gzip.open(name), BLOCK_BYTES)
    return Path(name).open("rb")


def _as_text(verdict: Verdict) -> Iterator[str]:
    counts = Counter(finding.kind for finding in verdict.findings)
    yield "VALID" if verdict.valid else "NOT VALID"
    if verdict.checkpoint:
        yield f"Checkpoint: {verdict.checkpoint.origin}, {verdict.checkpoint.size} events, root " + (
            verdict.checkpoint.root.hex()
        )
    else:
        yield "Checkpoint: none that counts"
    yield f"Checkpoints that count: {verdict.checkpoints}"
    yield f"Events: {verdict.events}, of which the checkpoint covers {verdict.sealed}"
    if verdict.events > verdict.sealed and verdict.valid:
        yield f"The last {verdict.events - verdict.sealed} are newer than the checkpoint: nothing is said of them."
    if verdict.withheld:
        yield f"Events whose text is withheld: {verdict.withheld}"
    for kind, count in counts.items():
        yield f"\n{kind} ({count}): {KINDS[kind]}"
        for finding in [each for each in verdict.findings if each.kind == kind][:10]:
            yield f"  {_where(finding)}{finding.message}"


def _where(finding: Finding) -> str:
    if finding.first is None:
        return ""
    return (
        f"event {finding.first}: " if finding.first == finding.last else f"events {finding.first} to {finding.last}: "
    )


def _as_json(verdict: Verdict) -> str:
    checkpoint = verdict.checkpoint
    return json.dumps(
        {
            "valid": verdict.valid,
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


def _run_inclusion(options: argparse.Namespace, key: PublicKey) -> int:
    def answer(text: str) -> str:
        event, index, checkpoint = check_inclusion_file(text, key, options.origin)
        return (
            f"This event is event {index} of the {checkpoint.size} events that checkpoint "
            f"{checkpoint.root.hex()} of {checkpoint.origin} seals:\n{event}"
        )

    return _run_proof(options.proof, answer)


def _run_consistency(options: argparse.Namespace, key: PublicKey) -> int:
    def answer(text: str) -> str:
        first, second = check_consistency_file(text, key, options.origin)
        return (
            f"{first.origin} only grew: its first {first.size} events are still the same, in the same order, "
            f"now that it has {second.size}."
        )

    return _run_proof(options.proof, answer)


def _run_proof(name: str, answer: Callable[[str], str]) -> int:
    text = Path(name).read_text(encoding="utf-8")
    try:
        _say("VALID\n" + answer(text))
    except (ProofError, CheckpointError) as error:
        _say(f"NOT VALID\n{error}")
        return NOT_VALID
    return VALID


if __name__ == "__main__":
    sys.exit(main())
