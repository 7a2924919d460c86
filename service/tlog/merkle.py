"""Merkle tree hashing and proofs of RFC 9162 section 2.1 (same as RFC 6962): https://www.rfc-editor.org/rfc/rfc9162

A tree of `size` leaves is carried as its *right edge*: the hashes of its complete subtrees, largest first.
A node is named (level, index): it covers the leaves index·2^level … (index+1)·2^level.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NewType

from service.errors import VerificationError

Hash = NewType("Hash", bytes)
Node = tuple[int, int]
ReadHashes = Callable[[Sequence[Node]], Sequence[Hash]]

HASH_BYTES = 32
_PAIR = 2 * HASH_BYTES
MAX_SIZE = 2**63 - 1  # leaves; what a signed 64-bit column holds

_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> Hash:
    """Return the hash of a leaf that holds `data`."""
    return Hash(_sha256(b"\x00" + data).digest())


def node_hash(left: bytes, right: bytes) -> Hash:
    """Return the hash of a node over its two children."""
    return _sha256(b"\x01" + left + right).digest()  # type: ignore[return-value] # NewType's call costs as much


def parents(row: bytes) -> bytes:
    """Return the hashes of the nodes over each pair of a row of hashes; an odd last one has no parent yet."""
    end = len(row) - len(row) % _PAIR
    return b"".join([_sha256(b"\x01" + row[at : at + _PAIR]).digest() for at in range(0, end, _PAIR)])


def empty_root() -> Hash:
    """Return the root of a tree without leaves."""
    return Hash(_sha256(b"").digest())


def edge_nodes(size: int, start: int = 0) -> list[Node]:
    """Return the complete subtrees, largest first, of a tree of `size` leaves that begins at `start`.

    `start` must be a multiple of the smallest power of two that is at least `size`.
    """
    nodes, offset = [], start
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            nodes.append((level, offset >> level))
            offset += 1 << level
    return nodes


def root_hash(edge: Sequence[Hash]) -> Hash:
    """Return the root of the tree whose right edge is `edge`."""
    if not edge:
        return empty_root()
    root = edge[-1]
    for left in reversed(edge[:-1]):
        root = node_hash(left, root)
    return root


def append(edge: Sequence[Hash], size: int, leaves: Iterable[Hash]) -> tuple[list[Hash], int]:
    """Return right edge and size of the tree of `size` leaves after `leaves` were added."""
    if len(edge) != size.bit_count():
        raise ValueError(f"the edge of {size} leaves has {size.bit_count()} hashes, not {len(edge)}")
    stack = list(edge)
    for leaf in leaves:
        stack.append(leaf)
        complete = size
        while complete & 1:  # each trailing one is a subtree that this leaf completes
            right = stack.pop()
            stack[-1] = node_hash(stack[-1], right)
            complete >>= 1
        size += 1
    return stack, size


def prove_inclusion(index: int, size: int, read_hashes: ReadHashes) -> list[Hash]:
    """Return the inclusion proof of leaf `index` in the tree of `size` leaves, leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"index {index} is outside a tree of {size}")
    ranges, low, high = [], 0, size
    while high - low > 1:
        split = _split(low, high)
        if index < split:
            ranges.append((split, high))
            high = split
        else:
            ranges.append((low, split))
            low = split
    return _hash_ranges(ranges[::-1], read_hashes)


def prove_consistency(old: int, new: int, read_hashes: ReadHashes) -> list[Hash]:
    """Return the proof that the tree of `new` leaves begins with the tree of `old` leaves."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    ranges, low, high = [], 0, new
    while high != old:
        split = _split(low, high)
        if old <= split:
            ranges.append((split, high))
            high = split
        else:
            ranges.append((low, split))
            low = split
    if low:  # the old tree's last subtree; where the old tree is complete its root says it all
        ranges.append((low, high))
    return _hash_ranges(ranges[::-1], read_hashes)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise VerificationError unless `proof` places `leaf` at `index` under `root` (RFC 9162 2.1.3.2)."""
    _require_hashes(leaf, root, *proof)
    if not 0 <= index < size <= MAX_SIZE:
        raise VerificationError("E-TLG-002", "存证位置超出了检查点所覆盖的范围。")
    node, last, found = index, size - 1, Hash(leaf)
    for sibling in proof:
        if last == 0:
            raise VerificationError("E-TLG-003", "存证路径长度不符。")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise VerificationError("E-TLG-003", "存证路径长度不符。")
    if found != root:
        raise VerificationError("E-TLG-004", "存证路径推不出检查点的根散列。")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise VerificationError unless `proof` shows `new_root` to extend `old_root` (RFC 9162 2.1.4.2)."""
    _require_hashes(old_root, new_root, *proof)
    if not 0 <= old <= new <= MAX_SIZE:
        raise VerificationError("E-TLG-005", "检查点的规模倒退了。")
    if old in (0, new):
        if proof or (old == new and old_root != new_root) or (old == 0 and old_root != empty_root()):
            raise VerificationError("E-TLG-006", "两个检查点不一致：日志可能被改写。")
        return
    _run_consistency(old, new, old_root, new_root, proof)


def _run_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if not proof:
        raise VerificationError("E-TLG-003", "一致性证明长度不符。")
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = Hash(path[0])
    for sibling in path[1:]:
        if last == 0:
            raise VerificationError("E-TLG-003", "一致性证明长度不符。")
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        node, last = node >> 1, last >> 1
    if last != 0 or before != old_root or after != new_root:
        raise VerificationError("E-TLG-006", "两个检查点不一致：日志可能被改写。")


def _split(low: int, high: int) -> int:
    """Return where RFC 9162 cuts the leaves low…high: after the largest power of two below their number."""
    return low + (1 << (high - low - 1).bit_length() - 1)


def _hash_ranges(ranges: Sequence[tuple[int, int]], read_hashes: ReadHashes) -> list[Hash]:
    """Return the tree hash of each range; all hashes needed are read in one call."""
    parts = [edge_nodes(high - low, low) for low, high in ranges]
    found = iter(read_hashes([node for nodes in parts for node in nodes]))
    return [root_hash([next(found) for _ in nodes]) for nodes in parts]


def _require_hashes(*values: bytes) -> None:
    if any(len(value) != HASH_BYTES for value in values):
        raise VerificationError("E-TLG-001", "散列值的长度不是 32 字节。")
