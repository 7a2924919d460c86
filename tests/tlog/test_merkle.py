"""Hashing and proofs, against others' vectors and against the definition itself."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import VerificationError
from service.tlog import merkle
from service.tlog.merkle import Hash, Node

Vectors = Callable[[str], Any]


def mth(leaves: Sequence[Hash]) -> Hash:
    """The tree hash exactly as RFC 9162 2.1.1 defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else merkle.empty_root()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(mth(leaves[:k]), mth(leaves[k:]))


def reader(leaves: Sequence[Hash]) -> merkle.ReadHashes:
    def read(nodes: Sequence[Node]) -> list[Hash]:
        return [mth(leaves[index << level : index + 1 << level]) for level, index in nodes]

    return read


def leaves_of(count: int) -> list[Hash]:
    return [merkle.leaf_hash(bytes([number % 256, number // 256])) for number in range(count)]


def hexes(values: Sequence[str]) -> list[Hash]:
    return [Hash(bytes.fromhex(value)) for value in values]


def test_roots_are_those_of_the_rfc_6962_test_tree(vectors: Vectors) -> None:
    tree = vectors("merkle.json")
    assert merkle.root_hash([]).hex() == tree["empty_root"]
    edge: list[Hash] = []
    for size, (leaf, root) in enumerate(zip(tree["leaves"], tree["roots"], strict=True)):
        edge, grown = merkle.append(edge, size, [merkle.leaf_hash(bytes.fromhex(leaf))])
        assert (grown, merkle.root_hash(edge).hex()) == (size + 1, root)


def test_inclusion_proofs_are_those_of_the_rfc_6962_test_tree(vectors: Vectors) -> None:
    tree = vectors("merkle.json")
    leaves = [merkle.leaf_hash(leaf) for leaf in map(bytes.fromhex, tree["leaves"])]
    for case in tree["inclusion"]:
        index, size, path = case["leaf"] - 1, case["size"], hexes(case["proof"])
        root = bytes.fromhex(tree["roots"][size - 1])
        merkle.verify_inclusion(leaves[index], index, size, path, root)
        assert merkle.prove_inclusion(index, size, reader(leaves)) == path


def test_consistency_proofs_are_those_of_the_rfc_6962_test_tree(vectors: Vectors) -> None:
    tree = vectors("merkle.json")
    leaves = [merkle.leaf_hash(leaf) for leaf in map(bytes.fromhex, tree["leaves"])]
    roots = hexes(tree["roots"])
    for case in tree["consistency"]:
        old, new, path = case["old"], case["new"], hexes(case["proof"])
        merkle.verify_consistency(old, new, roots[old - 1], roots[new - 1], path)
        assert merkle.prove_consistency(old, new, reader(leaves)) == path


def test_a_real_certificate_transparency_log_verifies(vectors: Vectors) -> None:
    head = vectors("argon2020/sth.json")
    entry = b64decode(vectors("argon2020/entries.json")["entries"][0]["leaf_input"])
    size, root = head["tree_size"], b64decode(head["sha256_root_hash"])
    path = [b64decode(value) for value in vectors("argon2020/proof.json")["audit_path"]]
    merkle.verify_inclusion(merkle.leaf_hash(entry), 10_000, size, path, root)
    old_root = b64decode("AuIZ5V6sDUj1vn3Y1K85oOaQ7y+FJJKtyRTl1edIKBQ=")
    path = [b64decode(value) for value in vectors("argon2020/consistency.json")["consistency"]]
    merkle.verify_consistency(3_654_490, size, old_root, root, path)


def corruptions(path: list[Hash], *roots: Hash) -> list[list[Hash]]:
    """The ways in which transparency-dev/merkle corrupts a proof."""
    flipped = [
        [*path[:at], Hash(bytes([path[at][0] ^ 8]) + path[at][1:]), *path[at + 1 :]]
        for at in range(len(path))
    ]
    extended = [changed for root in roots for changed in ([*path, root], [root, *path])]
    return [*flipped, *extended, [*path, Hash(b"")], *([path[:-1], path[1:]] if path else [])]


@pytest.mark.parametrize("size", range(1, 34))
def test_every_inclusion_proof_holds_and_none_holds_elsewhere(size: int) -> None:
    leaves = leaves_of(size)
    root = mth(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle.prove_inclusion(index, size, reader(leaves))
        merkle.verify_inclusion(leaf, index, size, path, root)
        for other in {index - 1, index + 1, index ^ 2, index + size, -1} - {index}:
            with pytest.raises(VerificationError):
                merkle.verify_inclusion(leaf, other, size, path, root)
        for changed in corruptions(path, root):
            with pytest.raises(VerificationError):
                merkle.verify_inclusion(leaf, index, size, changed, root)


@pytest.mark.parametrize("new", range(1, 20))
def test_every_consistency_proof_holds_and_no_corrupted_one(new: int) -> None:
    leaves = leaves_of(new)
    for old in range(1, new + 1):
        roots = mth(leaves[:old]), mth(leaves)
        path = merkle.prove_consistency(old, new, reader(leaves))
        merkle.verify_consistency(old, new, *roots, path)
        for changed in corruptions(path, *roots):
            with pytest.raises(VerificationError):
                merkle.verify_consistency(old, new, *roots, changed)
        if old < new:
            with pytest.raises(VerificationError):
                merkle.verify_consistency(old, new, roots[1], roots[0], path)
            with pytest.raises(VerificationError):
                merkle.verify_consistency(new, old, roots[1], roots[0], path)


def test_the_empty_tree_is_the_beginning_of_every_tree() -> None:
    root, other = mth(leaves_of(5)), mth(leaves_of(4))
    merkle.verify_consistency(0, 5, merkle.empty_root(), root, [])
    for old, old_root, path in ((0, other, []), (0, merkle.empty_root(), [other]), (5, other, [])):
        with pytest.raises(VerificationError):
            merkle.verify_consistency(old, 5, old_root, root, path)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 600), st.integers(0, 300))
def test_an_edge_grown_in_two_steps_is_the_edge_of_the_whole(first: int, second: int) -> None:
    leaves = leaves_of(first + second)
    edge, size = merkle.append([], 0, leaves[:first])
    edge, size = merkle.append(edge, size, leaves[first:])
    assert size == first + second
    assert edge == [mth(leaves[i << level : i + 1 << level]) for level, i in merkle.edge_nodes(size)]
    assert merkle.root_hash(edge) == mth(leaves)


def test_an_edge_of_the_wrong_size_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="3 leaves"):
        merkle.append(leaves_of(1), 3, leaves_of(1))
