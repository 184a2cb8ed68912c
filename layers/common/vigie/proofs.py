"""Write the proof files that `python -m vigie.verify inclusion` and `consistency` check."""

from __future__ import annotations

import json

from vigie.merkle import RangeRoot, consistency_proof, inclusion_proof
from vigie.verify import CONSISTENCY, INCLUSION, parse_checkpoint


def inclusion_proof_file(event: bytes, index: int, note: str, range_root: RangeRoot) -> str:
    """Show that this event (its canonical bytes) is leaf `index` of the log that the checkpoint signs.

    `range_root(a, b)` gives the root of leaves [a, b). Raises ProofError when the index is not in the log.
    """
    hashes = inclusion_proof(index, parse_checkpoint(note).size, range_root)
    proof = json.dumps([each.hex() for each in hashes], indent=1)
    return (
        f'{{"kind": "{INCLUSION}",\n"index": {index},\n"event": {event.decode()},\n'
        f'"proof": {proof},\n"checkpoint": {json.dumps(note, ensure_ascii=False)}}}\n'
    )


def consistency_proof_file(first: str, second: str, range_root: RangeRoot) -> str:
    """Show that the log of the second checkpoint is the log of the first, grown. Raises ProofError if it shrank."""
    sizes = parse_checkpoint(first).size, parse_checkpoint(second).size
    hashes = consistency_proof(*sizes, range_root)
    proof = json.dumps([each.hex() for each in hashes], indent=1)
    return (
        f'{{"kind": "{CONSISTENCY}",\n"first": {json.dumps(first, ensure_ascii=False)},\n'
        f'"second": {json.dumps(second, ensure_ascii=False)},\n"proof": {proof}}}\n'
    )
