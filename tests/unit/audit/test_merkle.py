"""The tree: roots, the frontier, and proofs that hold only for what they are about."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie import merkle

LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(130)]


def _reference_root(leaves: list[bytes]) -> bytes:
    """RFC 9162's recursive definition, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(_reference_root(leaves[:split]), _reference_root(leaves[split:]))


@cache
def _range_root(start: int, end: int) -> bytes:
    return _reference_root(LEAVES[start:end])


def _is_subtree(start: int, end: int) -> bool:
    return start == 0 or start == end or start % (1 << (end - start - 1).bit_length()) == 0


def _line(prefix: str, proof: list[bytes]) -> bytes:
    return (" ".join([prefix, *(each.hex() for each in proof)]) + "\n").encode()


@pytest.mark.parametrize("size", range(40))
def test_the_frontier_gives_the_root_of_the_definition_at_every_size(size: int) -> None:
    assert merkle.tree_root(LEAVES[:size]) == _reference_root(LEAVES[:size])


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_frontier_taken_up_again_continues_the_same_tree(first: int, second: int) -> None:
    start = merkle.Frontier()
    start.extend(LEAVES[:first])
    resumed = merkle.Frontier(start.size, list(start.hashes))
    resumed.extend(LEAVES[first : first + second])
    assert resumed.root() == _reference_root(LEAVES[: first + second])


def test_a_frontier_with_a_missing_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="one hash per 1-bit"):
        merkle.Frontier(3, [LEAVES[0]])


def test_every_inclusion_proof_up_to_size_130_is_the_one_the_draft_publishes() -> None:
    """Rolling hash of the appendix "Subtree Test Vectors" of draft-ietf-plants-merkle-tree-certs."""
    rolling = hashlib.sha256()
    for end in range(131):
        for start in filter(lambda start: _is_subtree(start, end), range(end + 1)):
            for index in range(start, end):
                ranges = merkle.proof_ranges(index - start, index - start + 1, end - start)
                proof = [_range_root(start + low, start + high) for low, high in ranges]
                rolling.update(_line(f"{index} [{start}, {end})", proof))
    assert rolling.hexdigest() == "ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f"


def test_every_proof_made_is_accepted_and_for_no_other_place() -> None:
    for size in range(1, 34):
        root = _reference_root(LEAVES[:size])
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, _range_root)
            merkle.verify_inclusion(index, size, LEAVES[index], proof, root)
            with pytest.raises(merkle.ProofError):
                merkle.verify_inclusion((index + 1) % size + (size == 1), size, LEAVES[index], proof, root)


def test_a_log_is_consistent_with_each_of_its_earlier_states_and_no_other() -> None:
    for size in range(2, 34):
        root = _reference_root(LEAVES[:size])
        for first in range(1, size):
            proof = merkle.consistency_proof(first, size, _range_root)
            merkle.verify_consistency(first, size, _range_root(0, first), root, proof)
            with pytest.raises(merkle.ProofError):
                merkle.verify_consistency(first, size, _range_root(1, first + 1), root, proof)


def test_a_subtree_is_part_of_its_tree() -> None:
    for size in range(1, 34):
        for end in range(1, size + 1):
            for start in filter(lambda start: _is_subtree(start, end), range(end)):
                proof = [_range_root(*each) for each in merkle.proof_ranges(start, end, size)]
                part, tree = _range_root(start, end), _range_root(0, size)
                merkle.verify_subtree_consistency(start, end, size, part, tree, proof)


def test_nothing_can_be_proved_of_an_empty_log() -> None:
    with pytest.raises(merkle.ProofError):
        merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, _range_root(0, 5), [])
    with pytest.raises(merkle.ProofError):
        merkle.proof_ranges(0, 0, 5)


# A proof holds for one length and one content only: every kind of change to it is refused.


def _inclusion_case(size: int, index: int) -> tuple[list[bytes], bytes]:
    return merkle.inclusion_proof(index, size, _range_root), _reference_root(LEAVES[:size])


@given(st.integers(1, 129), st.data())
def test_an_inclusion_proof_with_a_hash_too_many_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root = _inclusion_case(size, index)
    place = data.draw(st.integers(0, len(proof)))
    extra = data.draw(st.sampled_from([*proof, root, LEAVES[index], merkle.EMPTY_ROOT]))
    with pytest.raises(merkle.ProofError):
        merkle.verify_inclusion(index, size, LEAVES[index], [*proof[:place], extra, *proof[place:]], root)


def test_hashes_before_a_sound_proof_are_counted_as_too_many() -> None:
    """The leading hashes are the ones that nothing else would look at."""
    proof, root = _inclusion_case(7, 2)
    with pytest.raises(merkle.ProofError, match="1 hashes too many"):
        merkle.verify_inclusion(2, 7, LEAVES[2], [LEAVES[0], *proof], root)
    growth = merkle.consistency_proof(3, 7, _range_root)
    with pytest.raises(merkle.ProofError, match="2 hashes too many"):
        merkle.verify_consistency(3, 7, _range_root(0, 3), root, [LEAVES[0], LEAVES[1], *growth])


@given(st.integers(2, 129), st.data())
def test_a_proof_with_a_hash_missing_exchanged_or_swapped_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root = _inclusion_case(size, index)
    place = data.draw(st.integers(0, len(proof) - 1))
    missing = [*proof[:place], *proof[place + 1 :]]
    exchanged = [*proof[:place], merkle.leaf_hash(b"another"), *proof[place + 1 :]]
    swapped = [*reversed(proof)] if len(proof) > 1 else missing
    for changed in (missing, exchanged, swapped):
        with pytest.raises(merkle.ProofError):
            merkle.verify_inclusion(index, size, LEAVES[index], changed, root)


@given(st.integers(2, 129), st.data())
def test_a_consistency_proof_holds_at_its_length_only(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, size - 1))
    proof = merkle.consistency_proof(first, size, _range_root)
    root1, root2 = _range_root(0, first), _range_root(0, size)
    merkle.verify_consistency(first, size, root1, root2, proof)
    for changed in ([LEAVES[0], *proof], [*proof, LEAVES[0]], proof[1:], proof[:-1], []):
        with pytest.raises(merkle.ProofError):
            merkle.verify_consistency(first, size, root1, root2, changed)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_hash_of_another_length_is_refused(length: int) -> None:
    proof, root = _inclusion_case(5, 1)
    with pytest.raises(merkle.ProofError, match="32 bytes"):
        merkle.verify_inclusion(1, 5, LEAVES[1], [b"\x00" * length, *proof[1:]], root)
    with pytest.raises(merkle.ProofError, match="32 bytes"):
        merkle.verify_inclusion(1, 5, (LEAVES[1] * 2)[:length], proof, root)


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_a_place_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(merkle.ProofError, match="outside a tree"):
        merkle.verify_inclusion(index, size, LEAVES[0], [], _reference_root(LEAVES[:size]))


@pytest.mark.parametrize(("first", "second"), [(6, 5), (-1, 5), (0, 0)])
def test_sizes_in_the_wrong_order_are_refused(first: int, second: int) -> None:
    with pytest.raises(merkle.ProofError, match="sizes must satisfy"):
        merkle.verify_consistency(first, second, LEAVES[0], LEAVES[0], [])
