"""The transparency-log community's published proofs: every one is answered as its authors say."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from vigie import merkle

FOLDER = Path(os.environ.get("VIGIE_DATA", "../shared/data")) / "merkle-vectors"
SOURCE = "github.com/transparency-dev/merkle, folder testdata, belongs at $VIGIE_DATA/merkle-vectors"
COUNTS = {"inclusion": 98, "consistency": 98, "subtreeinclusion": 204, "subtreeconsistency": 118}


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def _check(kind: str, case: dict[str, Any]) -> None:
    proof = [_bytes(each) for each in case["proof"] or []]
    if kind == "inclusion":
        leaf, root = _bytes(case["leafHash"]), _bytes(case["root"])
        merkle.verify_inclusion(case["leafIdx"], case["treeSize"], leaf, proof, root)
    elif kind == "consistency":
        roots = _bytes(case["root1"]), _bytes(case["root2"])
        merkle.verify_consistency(case["size1"], case["size2"], *roots, proof)
    elif kind == "subtreeinclusion":
        leaf, root = _bytes(case["leafHash"]), _bytes(case["root"])
        merkle.verify_subtree_inclusion(case["leafIdx"], case["start"], case["end"], leaf, proof, root)
    else:
        roots = _bytes(case["root1"]), _bytes(case["root2"])
        merkle.verify_subtree_consistency(case["start"], case["end"], case["size"], *roots, proof)


def _refused(kind: str, case: dict[str, Any]) -> bool:
    try:
        _check(kind, case)
    except merkle.ProofError:
        return True
    return False


@pytest.mark.skipif(not FOLDER.is_dir(), reason=SOURCE)
@pytest.mark.parametrize("kind", COUNTS)
def test_every_published_proof_is_answered_rightly(kind: str) -> None:
    files = sorted((FOLDER / kind).rglob("*.json"))
    wrong = []
    for path in files:
        case = json.loads(path.read_text())
        if _refused(kind, case) != case["wantErr"]:
            wrong.append(str(path.relative_to(FOLDER)))
    assert wrong == []
    assert len(files) == COUNTS[kind]
