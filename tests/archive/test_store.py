"""The content-addressed store."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.archive.store import FolderStore
from service.core import sha256_hex
from service.errors import CorruptError, InputError, NotFoundError, SetupError


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def files(store: FolderStore) -> list[str]:
    return sorted(path.name for path in store.folder.rglob("*") if path.is_file())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_what_was_put_comes_back_under_its_digest(store: FolderStore, content: bytes) -> None:
    digest = store.put(content)
    assert digest == sha256_hex(content)
    assert store.get(digest) == content
    assert store.has(digest)
    assert store.path(digest) == store.folder / digest[:2] / digest[2:]


def test_putting_twice_keeps_one_file_and_leaves_no_temporary(store: FolderStore) -> None:
    digest = store.put(b"letter")
    assert store.put(b"letter") == digest
    assert files(store) == [digest[2:]]
    assert list(store.digests()) == [digest]


def test_a_name_with_other_bytes_is_an_error_and_stays_as_it_is(store: FolderStore) -> None:
    digest = store.put(b"letter")
    store.path(digest).chmod(0o600)
    store.path(digest).write_bytes(b"lettre")
    with pytest.raises(CorruptError, match="E-ARC-002"):
        store.put(b"letter")
    with pytest.raises(CorruptError, match="E-ARC-010"):
        store.get(digest)


def test_what_is_not_there_is_not_found(store: FolderStore) -> None:
    with pytest.raises(NotFoundError):
        store.get(sha256_hex(b"nothing"))
    assert not store.has(sha256_hex(b"nothing"))
    store.delete(sha256_hex(b"nothing"))


def test_a_deleted_object_is_gone(store: FolderStore) -> None:
    digest = store.put(b"draft")
    store.delete(digest)
    assert not store.has(digest)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 62 + "/a", "0" * 64 + "\n"]
)
def test_a_name_that_is_no_digest_never_reaches_the_disk(store: FolderStore, name: str) -> None:
    for call in (store.get, store.has, store.delete):
        with pytest.raises(InputError, match="E-ARC-012"):
            call(name)


def test_many_may_put_the_same_and_other_objects_at_once(store: FolderStore) -> None:
    contents = [b"letter %d" % (number % 10) for number in range(80)]
    with ThreadPoolExecutor(16) as pool:
        digests = list(pool.map(lambda content: FolderStore(store.folder).put(content), contents))
    assert set(digests) == {sha256_hex(content) for content in contents}
    assert len(files(store)) == 10
    assert all(store.get(digest) == content for digest, content in zip(digests, contents, strict=True))


def test_a_full_disk_is_told_in_a_sentence_and_leaves_nothing(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SetupError, match="磁盘空间已满"):
        store.put(b"letter")
    assert files(store) == []
    monkeypatch.undo()
    assert store.get(store.put(b"letter")) == b"letter"
