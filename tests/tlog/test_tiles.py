"""Tiles and bundles: paths, contents, what a growing log writes, what a reader gets back."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import InputError
from service.tlog import merkle, tiles
from service.tlog.merkle import Hash
from service.tlog.tiles import ENTRIES, WIDTH, Tile, TileBuilder

Vectors = Callable[[str], Any]


def leaves_of(count: int) -> list[Hash]:
    return [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


def build(leaves: list[Hash]) -> dict[Tile, bytes]:
    builder, found = TileBuilder(), dict[Tile, bytes]()
    for leaf in leaves:
        found.update(builder.add(leaf))
    found.update(builder.partials())
    return found


def test_paths_are_those_of_other_implementations(vectors: Vectors) -> None:
    paths = vectors("paths.json")
    for index, size, path in paths["entries"]:
        assert tiles.tile_at(ENTRIES, index, size).path == path
    for level, index, size, path in paths["tiles"]:
        assert tiles.tile_at(level, index, size).path == path
    for path, level, index, width in paths["parsed"]:
        assert tiles.parse_path(path) == Tile(level, index, width)


def test_other_spellings_of_a_path_are_refused(vectors: Vectors) -> None:
    more = [
        "tile/0/x000/001",
        "tile/00/001",
        "tile/0/001.p/0",
        "tile/0/001.p/01",
        "tile/entries/1",
        "/tile/0/001",
    ]
    for path in [
        *vectors("paths.json")["refused"],
        *more,
        "tile/0/001\n",
        "tile/0/" + "x001/" * 20 + "001",
        "",
    ]:
        with pytest.raises(InputError):
            tiles.parse_path(path)


def test_a_tree_of_70000_has_the_tiles_of_the_specification(vectors: Vectors) -> None:
    expected = vectors("paths.json")["size_70000"]
    found = [tile for tile in tiles.new_tiles(0, 70_000) if tile.level != ENTRIES]
    assert sum(tile.level == 0 and tile.width == WIDTH for tile in found) == expected["full_0"]
    assert Tile(0, 273, expected["partial_0"]) in found
    assert sum(tile.level == 1 and tile.width == WIDTH for tile in found) == expected["full_1"]
    assert Tile(1, 1, expected["partial_1"]) in found
    assert Tile(2, 0, expected["partial_2"]) in found
    assert len(found) == 273 + 1 + 1 + 1 + 1


def test_a_tree_of_256_is_one_full_tile_and_a_partial_one_above() -> None:
    assert set(build(leaves_of(256))) == {Tile(0, 0), Tile(1, 0, 1)}


@pytest.mark.parametrize(
    ("old", "new"), [(1, 1), (0, 1), (5, 5), (255, 256), (256, 257), (250, 600), (3, 70_000)]
)
def test_growth_writes_exactly_the_tiles_that_differ(old: int, new: int) -> None:
    before, after = set(tiles.new_tiles(0, old)), set(tiles.new_tiles(0, new))
    assert set(tiles.new_tiles(old, new)) == after - before


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 1500), st.data())
def test_proofs_from_tiles_hold(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    files = build(leaves)
    root = merkle.root_hash(merkle.append([], 0, leaves)[0])
    read = tiles.hash_reader(size, files.__getitem__)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.prove_inclusion(index, size, read)
    merkle.verify_inclusion(leaves[index], index, size, path, root)
    old = data.draw(st.integers(1, size))
    path = merkle.prove_consistency(old, size, read)
    merkle.verify_consistency(old, size, merkle.root_hash(merkle.append([], 0, leaves[:old])[0]), root, path)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 70_000), st.integers(1, 600))
def test_a_builder_resumed_from_tiles_goes_on_as_if_never_stopped(size: int, more: int) -> None:
    leaves = leaves_of(size + more)
    files = build(leaves[:size])
    start = size - size % WIDTH
    builder, found = TileBuilder(start, files.__getitem__), dict[Tile, bytes]()
    for leaf in leaves[start:]:
        found.update(builder.add(leaf))
    found.update(builder.partials())
    whole = build(leaves)
    assert {tile: whole[tile] for tile in tiles.new_tiles(size, size + more) if tile.level != ENTRIES} == {
        tile: content for tile, content in found.items() if tile in set(tiles.new_tiles(size, size + more))
    }
    assert builder.root() == merkle.root_hash(merkle.append([], 0, leaves)[0])


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_a_bundle_returns_what_went_in(entries: list[bytes]) -> None:
    content = tiles.format_bundle(entries)
    assert tiles.parse_bundle(content, len(entries)) == entries
    for damaged, width in (
        (content + b"\x00", len(entries)),
        (content, len(entries) + 1),
        (b"\x00\x05ab", 1),
    ):
        with pytest.raises(InputError):
            tiles.parse_bundle(damaged, width)


def test_an_entry_too_long_for_a_bundle_is_refused() -> None:
    assert len(tiles.format_bundle([bytes(65535)])) == 65537
    with pytest.raises(InputError, match="65536"):
        tiles.format_bundle([bytes(65536)])


def test_a_tile_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(InputError):
        tiles.parse_tile(bytes(33), 1)
