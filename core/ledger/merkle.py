"""The Merkle tree of RFC 6962, section 2.1: SHA-256, leaves 0x00 || entry, nodes 0x01 || left || right.

Every hash is 32 bytes. The functions that check a proof are after RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

import hashlib
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

Span = tuple[int, int]
"""A subtree: its first leaf, and the one after its last."""
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class RightEdge:
    """A growing tree of which only the right edge is kept: log2(size) hashes, however many leaves."""

    def __init__(self) -> None:
        """Start empty."""
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        size, node = self.size, leaf
        while size & 1:
            node = node_hash(self._peaks.pop(), node)
            size >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Compute the root over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Compute the root over these leaf hashes."""
    edge = RightEdge()
    for leaf in leaf_hashes:
        edge.add(leaf)
    return edge.root()


def inclusion_spans(index: int, size: int) -> tuple[Span, ...]:
    """Name the subtrees, leaf to root, whose hashes show that leaf `index` is in the tree. Raises IndexError if there is none."""
    if not 0 <= index < size:
        raise IndexError(f"a tree of {size} leaves has no leaf {index}")
    spans: list[Span] = []
    first, end = 0, size
    while end - first > 1:
        split = first + _split(end - first)
        if index < split:
            spans.append((split, end))
            end = split
        else:
            spans.append((first, split))
            first = split
    return tuple(reversed(spans))


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Collect the hashes, leaf to root, that show that leaf `index` is in the tree. Raises IndexError if there is none."""
    return tuple(root(leaf_hashes[first:end]) for first, end in inclusion_spans(index, len(leaf_hashes)))


def inclusion_proofs(leaf_hashes: Iterable[bytes], size: int, indices: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
    """Collect the proofs of many leaves in the tree of the first `size`, reading those once and keeping only what is needed.

    Raises IndexError for a leaf that is not among them, ValueError if there are fewer than `size`.
    """
    spans = {index: inclusion_spans(index, size) for index in indices}
    hashes = _hashes(leaf_hashes, size, {span for path in spans.values() for span in path})
    return {index: tuple(hashes[span] for span in path) for index, path in spans.items()}


def _hashes(leaf_hashes: Iterable[bytes], size: int, spans: AbstractSet[Span]) -> dict[Span, bytes]:
    """Compute the hashes of these subtrees of the tree of `size` leaves."""
    found: dict[Span, bytes] = {}
    peaks: list[tuple[int, bytes]] = []
    end = 0
    for end, leaf in enumerate(islice(leaf_hashes, size), 1):
        first, node, width = end - 1, leaf, 1
        while True:
            if (first, end) in spans:
                found[first, end] = node
            if end % (2 * width):
                break
            first, left = peaks.pop()
            node, width = node_hash(left, node), 2 * width
        peaks.append((first, node))
    if end < size:
        raise ValueError(f"{end} leaves are fewer than {size}")
    for number, (first, peak) in enumerate(reversed(peaks)):
        node = node_hash(peak, node) if number else peak
        if (first, end) in spans:
            found[first, end] = node
    return found


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root_hash: bytes) -> bool:
    """Check that the leaf hash is at `index` in the tree of `size` leaves with this root."""
    if not 0 <= index < size:
        return False
    node, at, last = leaf, index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root_hash


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """Collect the hashes that show that the tree over the first `old_size` leaves grew into this one. Raises IndexError."""
    if not 0 <= old_size <= len(leaf_hashes):
        raise IndexError(f"a tree of {len(leaf_hashes)} leaves never had {old_size}")
    spans: list[Span] = []
    first, end, whole = 0, len(leaf_hashes), True
    while old_size and old_size != end:
        split = first + _split(end - first)
        if old_size <= split:
            spans.append((split, end))
            end = split
        else:
            spans.append((first, split))
            first, whole = split, False
    if not whole:
        spans.append((first, end))
    return tuple(root(leaf_hashes[first:end]) for first, end in reversed(spans))


def verify_consistency(old_size: int, old_root: bytes, size: int, root_hash: bytes, proof: Sequence[bytes]) -> bool:
    """Check that the tree of `size` leaves with `root_hash` begins with the leaves of the old one."""
    if not 0 <= old_size <= size:
        return False
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if old_size == size:
        return not proof and old_root == root_hash
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old_size - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_node = new_node = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_node, new_node = node_hash(sibling, old_node), node_hash(sibling, new_node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new_node = node_hash(new_node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old_node == old_root and new_node == root_hash


def _split(size: int) -> int:
    """Give the largest power of two below `size` (> 1)."""
    return 1 << (size - 1).bit_length() - 1
