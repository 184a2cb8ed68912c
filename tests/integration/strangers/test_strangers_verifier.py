"""Other people's tools, which share no code with ours, on what we sign, prove and cosign (aics-tlog, aics-witness)."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from audit_agent.publishing import CheckpointStore
from audit_agent.sealing import Sealer
from audit_agent.signing import Signer as KmsSigner
from audit_agent.witnessing import parse_witnesses
from tests.integration.audit.audit_environment import AuditEnvironment, request
from tests.integration.witness.running import SignedLog, running_witness
from tests.tamper.sealed_log import ORIGIN
from vigie.trail import Trail
from vigie.verify import has_cosigned, parse_checkpoint, parse_verifier_key
from vigie_local.ports import free_port
from vigie_local.settings import REPOSITORY

STRANGERS = REPOSITORY / ".local" / "strangers" / "bin"
pytestmark = pytest.mark.skipif(
    not (STRANGERS / "python").exists(),
    reason="other people's verifiers are not installed: ./infra/bootstrap.sh for-tests",
)

# The whole check is theirs: leaf hashes and roots from the exported events, the log's signature, the cosignature, and
# both kinds of proof.
CHECK = """
import base64, json, sys
from aics_tlog import (
    MerkleTree, parse_note, parse_vkey, verify_checkpoint, verify_consistency, verify_leaf_inclusion,
)

given = json.load(sys.stdin)
events = [event.encode() for event in given["events"]]
tree = MerkleTree(events)
log, witnesses = parse_vkey(given["log"]), [parse_vkey(each) for each in given["witnesses"]]
for text in given["notes"]:
    seen = verify_checkpoint(parse_note(text), log, witnesses, quorum=len(witnesses))
    assert seen.ok, seen
    lines = text.split("\\n")
    assert base64.b64decode(lines[2]) == tree.root(int(lines[1])), lines
for proof in given["inclusion"]:
    size, root = int(proof["checkpoint"].split("\\n")[1]), base64.b64decode(proof["checkpoint"].split("\\n")[2])
    hashes = [bytes.fromhex(each) for each in proof["proof"]]
    assert verify_leaf_inclusion(events[proof["index"]], proof["index"], size, hashes, root)
    assert not verify_leaf_inclusion(b"x", proof["index"], size, hashes, root)
first, second = (each.split("\\n") for each in (given["consistency"]["first"], given["consistency"]["second"]))
hashes = [bytes.fromhex(each) for each in given["consistency"]["proof"]]
roots = base64.b64decode(first[2]), base64.b64decode(second[2])
assert verify_consistency(int(first[1]), int(second[1]), *roots, hashes)
assert not verify_consistency(int(first[1]), int(second[1]), roots[1], roots[0], hashes)
print("accepted", len(given["notes"]))
"""


class TwoKeys:
    """The key service with a P-256 key and an Ed25519 key."""

    def __init__(self, log: SignedLog) -> None:
        self.log = log

    def get_public_key(self, KeyId: str) -> dict[str, bytes]:
        if KeyId == "p256":
            return {"PublicKey": self.log.signer.der}
        encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return {"PublicKey": self.log.ed25519.public_key().public_bytes(encoding, form)}

    def sign(self, KeyId: str, Message: bytes, SigningAlgorithm: str, **_: object) -> dict[str, bytes]:
        if SigningAlgorithm == "ECDSA_SHA_256":
            return {"Signature": self.log.signer.sign(Message.decode())}
        return {"Signature": self.log.ed25519.sign(Message)}


@pytest.fixture
def log() -> SignedLog:
    return SignedLog()


def seal(environment: AuditEnvironment, log: SignedLog, witnesses: str, rounds: int = 3) -> None:
    signer = KmsSigner("p256", ORIGIN, TwoKeys(log), "ed25519")
    store = CheckpointStore("bucket", environment.s3)
    sealer = Sealer(environment.database("audit_agent"), signer, store, parse_witnesses(witnesses))
    for number in range(rounds):
        environment.write(5 + 3 * number)
        sealer.seal(request())


def ask_stranger(environment: AuditEnvironment, log: SignedLog, witnesses: list[str]) -> str:
    """What a stranger's tools say of everything that we would give an auditor."""
    with contextlib.closing(environment.connect("dashboard")) as connection:
        trail = Trail(connection)
        lines = [line.decode() for line in trail.lines()]
        notes = trail.checkpoints()
        sizes = [parse_checkpoint(note).size for note in notes]
        ids = [json.loads(line)["event"]["event_id"] for line in lines]
        given = {
            "events": [line.split('"event":', 1)[1].rpartition(',"leaf_hash"')[0] for line in lines],
            "log": log.keys()[1],
            "witnesses": witnesses,
            "notes": notes,
            "inclusion": [json.loads(trail.inclusion(own_id)) for own_id in ids[:: max(1, len(ids) // 6)]],
            "consistency": json.loads(trail.consistency(sizes[0], sizes[-1])),
        }
    result = subprocess.run(
        [STRANGERS / "python", "-I", "-c", CHECK], input=json.dumps(given), capture_output=True, text=True, timeout=60
    )
    return result.stdout.strip() or result.stderr


def test_a_stranger_s_verifier_accepts_our_roots_signatures_proofs_and_cosignatures(
    environment: AuditEnvironment,
    log: SignedLog,
    tmp_path: Path,
) -> None:
    with running_witness(tmp_path / "witness", log.keys()) as witness:
        seal(environment, log, f"{witness.line}@{witness.url}")
        assert ask_stranger(environment, log, [witness.line]) == "accepted 3"


def test_and_refuses_a_log_that_was_changed(environment: AuditEnvironment, log: SignedLog, tmp_path: Path) -> None:
    with running_witness(tmp_path / "witness", log.keys()) as witness:
        seal(environment, log, f"{witness.line}@{witness.url}")
        environment.tamper("UPDATE audit_log SET status = 'failed' WHERE seq = (SELECT min(seq) FROM audit_log)")
        assert "AssertionError" in ask_stranger(environment, log, [witness.line])


@contextlib.contextmanager
def strangers_witness(folder: Path, log: SignedLog) -> Iterator[tuple[str, str]]:
    """Somebody else's witness of our log: its verifier key and address."""
    port, program = free_port(), str(STRANGERS / "aics-witness")
    settings = {"PATH": os.environ["PATH"], "AICS_WITNESS_CONFIG": str(folder / "witness.json")}

    def run(*arguments: str) -> str:
        done = subprocess.run([program, *arguments], env=settings, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    key = next(word for word in run("init", "--name", "stranger.example/w1").split() if word.count("+") >= 2)
    run("add-log", "--origin", ORIGIN, "--vkey", log.keys()[1])
    process = subprocess.Popen([program, "serve", "--listen", f"127.0.0.1:{port}"], env=settings)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield key, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def test_a_stranger_s_witness_cosigns_what_our_sealer_sends_it(
    environment: AuditEnvironment,
    log: SignedLog,
    tmp_path: Path,
) -> None:
    with strangers_witness(tmp_path, log) as (key, url):
        seal(environment, log, f"{key}@{url}", rounds=4)
        assert environment.fetch("SELECT count(*) FROM audit_cosignature") == [(4,)]
        assert ask_stranger(environment, log, [key]) == "accepted 4"
        with contextlib.closing(environment.connect("dashboard")) as connection:
            notes = Trail(connection).checkpoints()
        assert all(has_cosigned(parse_checkpoint(note), parse_verifier_key(key)) for note in notes)
        # What it has not seen it does not cosign.
        environment.tamper("DELETE FROM audit_cosignature")
        environment.tamper(
            "UPDATE audit_leaf SET leaf_hash = %s WHERE leaf_index = 0", base64.b64decode("A" * 43 + "=")
        )
        seal(environment, log, f"{key}@{url}", rounds=1)
        assert environment.fetch("SELECT count(*) FROM audit_cosignature") == [(0,)]
