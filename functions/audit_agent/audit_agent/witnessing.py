"""Asks witnesses to cosign a checkpoint (c2sp.org/tlog-witness), proving that the log only grew since they last did."""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import batched
from urllib.parse import urlsplit

from aws_lambda_powertools import Logger

from vigie.errors import SettingsError
from vigie.merkle import consistency_proof
from vigie.verify import (
    COSIGNATURE,
    Checkpoint,
    CheckpointError,
    Frontier,
    VerifierKey,
    has_cosigned,
    parse_note,
    parse_verifier_key,
)

logger = Logger(child=True)
# A checkpoint has at most sixteen signatures, two of them the log's.
MOST_WITNESSES = 14
SECONDS = 3.0
MAX_ANSWER = 1 << 16
AT_ONCE = 10_000

type RangeRoot = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Witness:
    """A witness: its key, and the address below which it is asked."""

    key: VerifierKey
    url: str

    @property
    def label(self) -> str:
        """Name and key ID, as the database and the store name it."""
        return f"{self.key.name}+{self.key.key_id.hex()}"


@dataclass(frozen=True)
class Answer:
    """What a witness said; status 0 where it said nothing, with the reason as text."""

    status: int
    text: str


def parse_witnesses(text: str) -> tuple[Witness, ...]:
    """The witnesses of a setting: `KEY@URL`, separated by commas.

    Raises:
        SettingsError: names the entry and the remedy.
    """
    witnesses = tuple(_parse_witness(entry.strip()) for entry in text.split(",") if entry.strip())
    if len(witnesses) > MOST_WITNESSES:
        raise SettingsError(f"WITNESSES names {len(witnesses)} witnesses: name at most {MOST_WITNESSES}")
    return witnesses


def _parse_witness(entry: str) -> Witness:
    line, at, url = entry.rpartition("@")
    parts = urlsplit(url)
    try:
        key = parse_verifier_key(line)
    except ValueError as error:
        raise SettingsError(f"WITNESSES={entry!r}: {error}. Write KEY@URL, separated by commas") from error
    if not at or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"WITNESSES={entry!r}: give an address such as https://witness.example, as KEY@URL")
    if key.kind != COSIGNATURE:
        raise SettingsError(f"WITNESSES={entry!r}: the key is no witness's (its kind is not cosignature/v1, 4)")
    return Witness(key, url.rstrip("/"))


def cosign(checkpoint: Checkpoint, seen: Mapping[Witness, int], range_root: RangeRoot) -> Iterator[tuple[Witness, str]]:
    """The cosignature lines that witnesses give now, each verified. `seen`: whom to ask, and what they cosigned last.

    One that is down, slow or refuses is reported in the log, and is asked again by a later round.
    """
    waiting = dict(seen)
    # A witness that has seen another size than we think says which: it is asked once more.
    for last in (False, True):
        sizes = {size for size in waiting.values() if size <= checkpoint.size}
        bodies = {size: _request(checkpoint, size, range_root) for size in sizes}
        answers = _ask_all({witness: bodies[size] for witness, size in waiting.items() if size in bodies})
        waiting = {}
        for witness, answer in answers.items():
            told = answer.text.strip()
            if answer.status == 200 and (line := _line_of(witness, checkpoint, answer.text)):
                yield witness, line
            elif (
                answer.status == 409
                and not last
                and told.isdecimal()
                and len(told) < 19
                and int(told) <= checkpoint.size
            ):
                waiting[witness] = int(told)
            else:
                # 409 with a larger size, or 422: it has seen another log of this name than ours.
                level = logger.error if answer.status in (409, 422) else logger.warning
                level("witness did not cosign", witness=witness.label, status=answer.status, reason=answer.text[:200])
        if not waiting:
            return


def _request(checkpoint: Checkpoint, old: int, range_root: RangeRoot) -> bytes:
    proof = consistency_proof(old, checkpoint.size, range_root) if old else []
    lines = [f"old {old}", *(base64.b64encode(each).decode() for each in proof), "", checkpoint.note()]
    return "\n".join(lines).encode()


def _line_of(witness: Witness, checkpoint: Checkpoint, text: str) -> str | None:
    """The witness's own line among what it answered, if it is right."""
    try:
        _, found = parse_note(f"{checkpoint.text}\n{text}")
        own = tuple(s for s in found if (s.name, s.key_id) == (witness.key.name, witness.key.key_id))[:1]
        return own[0].line() if has_cosigned(replace(checkpoint, signatures=own), witness.key) else None
    except CheckpointError:
        return None


def _ask_all(bodies: Mapping[Witness, bytes]) -> dict[Witness, Answer]:
    """Ask each at once; whoever has not answered by then has not answered, however slowly it goes on talking."""
    answers = {witness: Answer(0, "no answer in time") for witness in bodies}

    def ask(witness: Witness, body: bytes) -> None:
        answers[witness] = _ask(witness.url, body)

    threads = [threading.Thread(target=ask, args=each, daemon=True) for each in bodies.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return dict(answers)


def _ask(url: str, body: bytes) -> Answer:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
        try:
            connection.request("POST", f"{parts.path}/add-checkpoint", body)
            response = connection.getresponse()
            return Answer(response.status, response.read(MAX_ANSWER).decode(errors="replace"))
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, type(error).__name__)


@dataclass
class KnownTree:
    """Roots of ranges of a log's leaves: what lies before `tree` from its frontier, what lies after from the leaves."""

    tree: Frontier = field(default_factory=Frontier)
    leaves: Callable[[int, int], Iterator[bytes]] = lambda _start, _end: iter(())

    def grow_to(self, size: int) -> None:
        """Move to another size."""
        if size < self.tree.size:
            self.tree = Frontier()
        for some in batched(self.leaves(self.tree.size, size), AT_ONCE, strict=False):
            self.tree.extend(some)

    def range_root(self, start: int, end: int) -> bytes:
        """The root of the leaves [start, end)."""
        at = 0
        bits = [1 << bit for bit in reversed(range(self.tree.size.bit_length())) if self.tree.size >> bit & 1]
        for width, root in zip(bits, self.tree.hashes, strict=True):
            if (at, at + width) == (start, end):
                return root
            at += width
        part = Frontier()
        part.extend(self.leaves(start, end))
        return part.root()
