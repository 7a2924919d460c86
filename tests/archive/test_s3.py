"""The store on an S3 service: the same promises as the folder's, against a real server and in memory."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore, ObjectStore, S3Store

from service.archive import audit, s3
from service.archive.s3 import RemoteStore
from service.archive.store import shard
from service.core import sha256_hex
from service.errors import CorruptError, InputError, NotFoundError, SetupError
from tests.archive import s3_server
from tests.archive.building import Archive

_prefixes = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with s3_server.served() as variables:
        yield variables


@pytest.fixture(params=["service", "memory"])
def remote(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[RemoteStore, ObjectStore]:
    """A store, and its objects as anyone with the keys reaches them."""
    if request.param == "memory":
        memory = MemoryStore()
        return RemoteStore(memory, "memory"), memory
    for name, value in request.getfixturevalue("server").items():
        monkeypatch.setenv(name, value)
    prefix = f"test/{next(_prefixes)}"
    raw = S3Store(s3_server.BUCKET, prefix=f"{prefix}/store", client_options={"allow_http": True})
    return s3.open_store(f"s3://{s3_server.BUCKET}/{prefix}", "store"), raw


def test_what_was_put_comes_back_and_goes(remote: tuple[RemoteStore, ObjectStore]) -> None:
    store, _ = remote
    digest = store.put(b"letter")
    assert (digest, store.put(b"letter")) == (sha256_hex(b"letter"), digest)
    assert store.get(digest) == b"letter"
    assert store.put(b"") == sha256_hex(b"")
    assert sorted(store.digests()) == sorted([digest, sha256_hex(b"")])
    store.delete(digest)
    store.delete(digest)
    assert not store.has(digest)
    assert store.has(sha256_hex(b""))
    with pytest.raises(NotFoundError, match="E-ARC-001"):
        store.get(digest)


def test_a_name_is_written_once_and_its_bytes_are_checked(remote: tuple[RemoteStore, ObjectStore]) -> None:
    store, raw = remote
    digest = sha256_hex(b"letter")
    obstore.put(raw, shard(digest), b"lettre")
    with pytest.raises(CorruptError, match="E-ARC-010"):
        store.get(digest)
    with pytest.raises(CorruptError, match="E-ARC-002"):
        store.put(b"letter")
    assert bytes(obstore.get(raw, shard(digest)).bytes()) == b"lettre"


def test_a_name_that_is_no_digest_is_never_asked_for(remote: tuple[RemoteStore, ObjectStore]) -> None:
    for call in (remote[0].get, remote[0].has, remote[0].delete):
        with pytest.raises(InputError, match="E-ARC-012"):
            call("../" + "0" * 61)


def test_the_audit_reads_a_remote_store(remote: tuple[RemoteStore, ObjectStore], archive: Archive) -> None:
    store, raw = remote
    archive.add_letters(0, 6)
    contents = [archive.store.get(digest) for digest in archive.store.digests()]
    for content in contents:
        store.put(content)
    shutil.rmtree(archive.folder / "store")
    scope = audit.Scope(full=True, store=store, workers=2)
    assert audit.audit(archive.folder, archive.log.vkey, scope).ok
    names = [f"store/{shard(sha256_hex(content))}" for content in contents]
    obstore.put(raw, names[0].removeprefix("store/"), b"changed")
    obstore.delete(raw, names[1].removeprefix("store/"))
    obstore.put(raw, "readme.txt", b"of nobody")
    found = audit.audit(archive.folder, archive.log.vkey, scope)
    assert {(one.code, one.where) for one in found.findings} == {
        ("E-ARC-122", names[0]),
        ("E-ARC-120", names[1]),
        ("E-ARC-125", "store/readme.txt"),
    }


def test_a_service_that_refuses_is_told_without_its_keys(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    store = s3.open_store("s3://no-such-bucket", "store")
    with pytest.raises(SetupError, match="E-ARC-013") as told:
        store.put(b"letter")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["", "https://x/y", "s3://", "s3://UPPER", "s3://bucket/../x y", "s3://a:b@bucket"]
)
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="E-ARC-014"):
        s3.open_store(url, "store")


def test_a_folder_and_a_service_name_their_objects_alike(archive: Archive, tmp_path: Path) -> None:
    store = RemoteStore(MemoryStore(), "memory")
    digest = archive.store.put(b"letter")
    store.put(b"letter")
    assert list(store.names()) == list(archive.store.names()) == [shard(digest)]
