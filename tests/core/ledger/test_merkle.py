"""The tree is RFC 6962's: against its definition written down word for word, for every size and index."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ledger.merkle import (
    RightEdge,
    consistency_proof,
    inclusion_proof,
    inclusion_proofs,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

SIZES = range(34)
LEAVES = [leaf_hash(f"entry {number}".encode()) for number in range(70)]


def split(size: int) -> int:
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def mth(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    return [*path(m, leaves[:k]), mth(leaves[k:])] if m < k else [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    """RFC 6962, section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole=whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), mth(leaves[:k])]


def test_known_roots() -> None:
    assert root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize("size", SIZES)
def test_every_root_and_proof_is_as_defined(size: int) -> None:
    leaves = LEAVES[:size]
    assert root(leaves) == mth(leaves)
    for index in range(size):
        assert list(inclusion_proof(leaves, index)) == path(index, leaves)
    assert inclusion_proofs(iter(LEAVES), size, range(size)) == {index: inclusion_proof(leaves, index) for index in range(size)}
    for old in range(1, size + 1):
        assert list(consistency_proof(leaves, old)) == subproof(old, leaves, whole=True)


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_holds_and_nothing_else_does(size: int) -> None:
    leaves = LEAVES[:size]
    for index in range(size):
        proof = inclusion_proof(leaves, index)
        assert verify_inclusion(leaves[index], index, size, proof, root(leaves))
        assert not verify_inclusion(LEAVES[-1], index, size, proof, root(leaves))
        assert not verify_inclusion(leaves[index], index, size, [*proof, LEAVES[0]], root(leaves))
        assert not verify_inclusion(leaves[index], index, size, proof, LEAVES[-1])
        assert not proof or not verify_inclusion(leaves[index], index, size, proof[:-1], root(leaves))
        for other in range(size):
            assert (other == index) == verify_inclusion(leaves[index], other, size, proof, root(leaves))
    assert not verify_inclusion(LEAVES[0], size, size, [], root(leaves))
    assert not verify_inclusion(LEAVES[0], -1, size, [], root(leaves))


@pytest.mark.parametrize("size", SIZES)
def test_every_consistency_holds_and_nothing_else_does(size: int) -> None:
    leaves = LEAVES[:size]
    for old in range(size + 1):
        proof = consistency_proof(leaves, old)
        old_root = root(leaves[:old])
        assert verify_consistency(old, old_root, size, root(leaves), proof)
        assert not verify_consistency(old, LEAVES[-1], size, root(leaves), proof)
        assert not verify_consistency(old, old_root, size, root(leaves), [*proof, LEAVES[0]])
        assert old == 0 or not verify_consistency(old, old_root, size, LEAVES[-1], proof)
        assert not proof or not verify_consistency(old, old_root, size, root(leaves), proof[:-1])
    assert not verify_consistency(size + 1, root(LEAVES[: size + 1]), size, root(leaves), [])


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=300), st.data())
def test_proofs_for_any_tree(entries: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    index = data.draw(st.integers(0, len(leaves) - 1))
    old = data.draw(st.integers(0, len(leaves)))
    assert verify_inclusion(leaves[index], index, len(leaves), inclusion_proof(leaves, index), mth(leaves))
    assert verify_consistency(old, mth(leaves[:old]), len(leaves), mth(leaves), consistency_proof(leaves, old))


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=6), st.integers(0, 40), st.integers(0, 40))
def test_made_up_proofs_never_hold(proof: list[bytes], first: int, second: int) -> None:
    leaves = LEAVES[:40]
    if first not in (0, second):
        assert not verify_consistency(first, root(LEAVES[1 : first + 1]), second, root(leaves[:second]), proof)
    assert not verify_inclusion(LEAVES[69], first, second, proof, root(leaves[:second]))


def test_the_right_edge_is_the_root_at_every_size_and_stays_small() -> None:
    edge = RightEdge()
    for size, leaf in enumerate(LEAVES):
        assert edge.root() == mth(LEAVES[:size])
        edge.add(leaf)
    assert len(edge._peaks) <= 7  # noqa: SLF001 - this is what keeps a long ledger cheap


def test_what_is_not_in_the_tree_has_no_proof() -> None:
    for index in (-1, 3):
        with pytest.raises(IndexError):
            inclusion_proof(LEAVES[:3], index)
        with pytest.raises(IndexError):
            inclusion_proofs(LEAVES, 3, [0, index])
    for size in (-1, 4):
        with pytest.raises(IndexError):
            consistency_proof(LEAVES[:3], size)
    with pytest.raises(ValueError, match="3 leaves are fewer than 4"):
        inclusion_proofs(LEAVES[:3], 4, [0])
