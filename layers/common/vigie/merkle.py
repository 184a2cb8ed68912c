"""The append-only tree of the audit trail (RFC 9162, section 2.1): makes the proofs `vigie.verify` checks.

Hashing, the frontier and the verification of inclusion and consistency live in `vigie.verify`, so that a
stranger needs that one file only; they are offered here under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vigie.verify import (
    EMPTY_ROOT,
    HASH_SIZE,
    Frontier,
    ProofError,
    leaf_hash,
    node_hash,
    roots_from_proof,
    verify_consistency,
    verify_inclusion,
)

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "Frontier",
    "ProofError",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "proof_ranges",
    "tree_root",
    "verify_consistency",
    "verify_inclusion",
    "verify_subtree_consistency",
    "verify_subtree_inclusion",
]

RangeRoot = Callable[[int, int], bytes]


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree over these leaf hashes (32 bytes each); SHA-256 of nothing when there are none."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def proof_ranges(start: int, end: int, size: int) -> list[tuple[int, int]]:
    """The leaf ranges [from, to) whose roots, in this order, prove the leaves [start, end) in a tree of size.

    SUBTREE_PROOF of draft-ietf-plants-merkle-tree-certs. For RFC 9162's PATH of leaf i ask (i, i + 1); for
    its PROOF between sizes m and n ask (0, m). All ranges but those that touch `size` or `end` are perfect.
    Lets the caller fetch just those leaves.
    """
    _require_subtree(start, end, size)
    low, high = 0, size
    whole_known = True
    upward: list[tuple[int, int]] = []
    while (start, end) != (low, high):
        split = low + (1 << (high - low - 1).bit_length() - 1)
        if end <= split:
            upward.append((split, high))
            high = split
            continue
        upward.append((low, split))
        if start < split:
            start, whole_known = split, False
        low = split
    return ([] if whole_known else [(low, high)]) + upward[::-1]


def inclusion_proof(index: int, size: int, range_root: RangeRoot) -> list[bytes]:
    """The hashes that prove leaf `index`, nearest first; `range_root(a, b)` is the root of leaves [a, b)."""
    return [range_root(low, high) for low, high in proof_ranges(index, index + 1, size)]


def consistency_proof(size1: int, size2: int, range_root: RangeRoot) -> list[bytes]:
    """The hashes that prove that the tree of size2 continues the tree of size1 (at least 1)."""
    return [range_root(low, high) for low, high in proof_ranges(0, size1, size2)]


def verify_subtree_inclusion(
    index: int, start: int, end: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Return when the leaf is at `index` of the subtree [start, end) with this root. Raises ProofError."""
    _require_subtree(start, end, end)
    if not start <= index < end:
        raise ProofError(f"index {index} is outside [{start}, {end})")
    verify_inclusion(index - start, end - start, leaf, proof, root)


def verify_subtree_consistency(
    start: int, end: int, size: int, root: bytes, tree: bytes, proof: Sequence[bytes]
) -> None:
    """Return when [start, end) with this root is part of the tree with root `tree`. Raises ProofError.

    The empty subtree is part of every tree that reaches it: its root is EMPTY_ROOT and its proof is empty.
    """
    if start == end:
        if not 0 <= end <= size or proof or root != EMPTY_ROOT:
            raise ProofError(f"the empty subtree at {start} has an empty proof and the empty root")
        return
    _require_subtree(start, end, size)
    part, whole = roots_from_proof(start, end, size, root, proof)
    if (part, whole) != (root, tree):
        raise ProofError(f"the proof does not lead from [{start}, {end}) to the root of size {size}")


def _require_subtree(start: int, end: int, size: int) -> None:
    """A subtree starts at a multiple of the smallest power of two that holds it (the draft, section 4.1)."""
    if not 0 <= start < end <= size or start % (1 << (end - start - 1).bit_length()):
        raise ProofError(f"[{start}, {end}) is not a subtree of a tree of {size} leaves")
