"""A witness in a process of its own, and what a log sends it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.tamper.sealed_log import ORIGIN, Signer
from vigie.checkpoint import checkpoint_text, ed25519_signature, signed_note
from vigie.merkle import consistency_proof, tree_root
from vigie.verify import ED25519, VerifierKey, format_verifier_key, leaf_hash, parse_verifier_key

NAME = "witness.example/w1"


@dataclass
class SignedLog:
    """A log in memory whose keys are at hand: it signs whatever it is asked to."""

    signer: Signer = field(default_factory=Signer)
    ed25519: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    origin: str = ORIGIN
    branch: str = ""

    def leaves(self, size: int, forked_at: int = 1 << 62) -> list[bytes]:
        """Leaf hashes; from `forked_at` on those of another history."""
        return [leaf_hash(f"{number}{self.branch if number >= forked_at else ''}".encode()) for number in range(size)]

    def note(self, leaves: Sequence[bytes]) -> str:
        """A checkpoint, signed with both keys."""
        text = checkpoint_text(self.origin, len(leaves), tree_root(leaves))
        public = self.ed25519.public_key().public_bytes_raw()
        second = ed25519_signature(text, public, self.ed25519.sign(text.encode()))
        return signed_note(text, self.signer.der, self.signer.sign(text), second)

    def keys(self) -> tuple[str, str]:
        """The verifier keys: P-256, Ed25519."""
        public = self.ed25519.public_key().public_bytes_raw()
        return (format_verifier_key(self.origin, 2, self.signer.der), format_verifier_key(self.origin, ED25519, public))

    def request(self, old: int, leaves: Sequence[bytes]) -> bytes:
        """What an honest log sends: the proof from the old size."""
        proof = consistency_proof(old, len(leaves), lambda a, b: tree_root(leaves[a:b])) if old else []
        return request(old, proof, self.note(leaves))


def request(old: int | str, proof: Sequence[bytes], note: str) -> bytes:
    """The body of a request, whatever it holds."""
    return "\n".join([f"old {old}", *(base64.b64encode(each).decode() for each in proof), "", note]).encode()


@dataclass
class RunningWitness:
    """A witness's process, its folder and its key."""

    home: Path
    process: subprocess.Popen[str]
    port: int
    key: VerifierKey
    line: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, body: bytes, method: str = "POST", path: str = "/add-checkpoint") -> tuple[int, str, str]:
        """Status, text and content type of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body or None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.getheader("Content-Type") or ""
        finally:
            connection.close()

    def kill(self) -> None:
        """End it without a chance to clean up."""
        self.process.kill()
        self.process.wait(10)


def start(home: Path, logs: Sequence[str], name: str = NAME, port: int = 0) -> RunningWitness:
    """Start a witness and wait until it listens."""
    command = [sys.executable, "-m", "vigie_witness", "--home", str(home), "--name", name, "--port", str(port)]
    command += [word for log in logs for word in ("--log", log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    first, second = process.stdout.readline(), process.stdout.readline()
    line = second.rpartition(" ")[2].strip()
    return RunningWitness(
        home, process, int(first.split("127.0.0.1:")[1].split(",")[0]), parse_verifier_key(line), line
    )


@contextlib.contextmanager
def running_witness(home: Path, logs: Sequence[str], name: str = NAME) -> Iterator[RunningWitness]:
    """A witness that is stopped at the end."""
    witness = start(home, logs, name)
    try:
        yield witness
    finally:
        witness.process.terminate()
        witness.process.wait(10)
        assert witness.process.stdout
        witness.process.stdout.close()
