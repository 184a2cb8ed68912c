"""How long the offline verifier takes for a sealed export made here.

PYTHONPATH=.:layers/common python -m tests.bench.verify_speed --events 1000000 --jobs 2
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import serialization

from tests.tamper.sealed_log import ORIGIN, Signer, new_event
from vigie import verify
from vigie.canonical import canonical_event, canonical_text
from vigie.checkpoint import checkpoint_text, signed_note
from vigie.merkle import Frontier, leaf_hash

CHECKPOINTS = 100
NIL = UUID(int=0)


def run(events: int = 1_000_000, jobs: int = 2) -> dict[str, Any]:
    """Write a sealed export of this many events (gzip), verify it in a process of its own, return the figures.

    `events_per_second` is events over `seconds`, wall clock from start to answer; memory is the largest process's.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = _write(folder, events)
        start = perf_counter()
        answer = _verify(folder, jobs)
        seconds = perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "events": events,
        "jobs": jobs,
        "cpus": os.cpu_count(),
        "bytes_per_event": round(size / events),
        "valid": answer["valid"],
        "seconds": round(seconds, 2),
        "events_per_second": round(events / seconds),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "load_average": round(os.getloadavg()[0], 1),
        "largest_process_mib": round(used.ru_maxrss / 1024),
    }


def _write(folder: Path, events: int) -> int:
    signer, frontier, total = Signer(), Frontier(), 0
    due = {events * (number + 1) // CHECKPOINTS for number in range(CHECKPOINTS)}
    with gzip.open(folder / "export.jsonl.gz", "wb", compresslevel=1) as export, _notes(folder).open("w") as notes:
        for index, event in enumerate(islice(_events(), events)):
            leaf = leaf_hash(event)
            frontier.append(leaf)
            total += export.write(verify.export_line(index, event, leaf))
            if frontier.size in due:
                text = checkpoint_text(ORIGIN, frontier.size, frontier.root())
                notes.write(signed_note(text, signer.der, signer.sign(text)))
    pem, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "key.pem").write_bytes(signer.private.public_key().public_bytes(pem, form))
    return total


def _notes(folder: Path) -> Path:
    return folder / "checkpoints.txt"


def _events() -> Iterator[bytes]:
    """Canonical events that all differ, in their ids and in a number of their details."""
    random = Random(1)
    shapes = [_shape(random, number) for number in range(64)]
    assert all(canonical_text(shape) == shape for shape in shapes)
    for number in count():
        ids = UUID(int=random.getrandbits(128)), UUID(int=random.getrandbits(128))
        shape = shapes[number % 64].replace(str(NIL), str(ids[0]), 1).replace(str(NIL), str(ids[1]), 1)
        yield shape.replace('"tokens":0', f'"tokens":{number}').encode()


def _shape(random: Random, number: int) -> str:
    event = new_event(random, number)
    details = {**event["details"], "tokens": 0, "prompt_version": "analysis-3", "masked": {"email": 1, "name": 2}}
    ids = {"event_id": NIL, "customer_id": NIL, "request_id": str(UUID(int=random.getrandbits(128)))}
    return canonical_event(**{**event, **ids, "details": details}).decode()


def _verify(folder: Path, jobs: int) -> Any:
    command = [sys.executable, verify.__file__, "export", "export.jsonl.gz", "--checkpoints", "checkpoints.txt"]
    options = ["--key", "key.pem", "--origin", ORIGIN, "--jobs", str(jobs), "--json"]
    result = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True)
    return json.loads(result.stdout)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser("tests.bench.verify_speed", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    print(json.dumps(run(options.events, options.jobs), indent=1))


if __name__ == "__main__":
    main()
