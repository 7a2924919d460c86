"""The store on an S3-speaking service, through obstore; a name is written once by a conditional put (If-None-Match).

Address, region and keys are the standard AWS_* environment variables (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …): no
secret passes through settings. https://developmentseed.org/obstore/latest/api/store/aws/
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, S3Store

from service.archive.store import parse_name, require_digest, shard
from service.core import Sha256Hex, sha256_hex
from service.errors import CorruptError, InputError, NotFoundError, SetupError

_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?")
_TIMEOUT, _RETRIES, _RETRY_TIMEOUT = timedelta(seconds=30), 3, timedelta(seconds=60)


class RemoteStore:
    """Objects under <2 hex>/<62 hex> of an object store. Every put is durable when it returns, says the service."""

    def __init__(self, remote: ObjectStore, where: str) -> None:
        self._remote = remote
        self._where = where

    def put(self, content: bytes) -> Sha256Hex:
        """Keep `content` and return its name; raise CorruptError where the name has other bytes."""
        digest = sha256_hex(content)
        try:
            with self._refusing(AlreadyExistsError):
                obstore.put(self._remote, shard(digest), content, mode="create", use_multipart=False)
        except AlreadyExistsError:
            if self._read(digest) != content:
                raise CorruptError(
                    "E-ARC-002", f"已有同名而内容不同的对象：{self._place(digest)}。请先运行存证核查。"
                ) from None
        return digest

    def get(self, digest: str) -> bytes:
        """Return the object; raise NotFoundError, or CorruptError if its bytes are not what the name says."""
        content = self._read(require_digest(digest))
        if sha256_hex(content) != digest:
            raise CorruptError(
                "E-ARC-010", f"存证原件的内容与其摘要不符：{self._place(digest)}。请从备份恢复该对象。"
            )
        return content

    def has(self, digest: str) -> bool:
        """Say whether an object of this name is there; its bytes are not looked at."""
        try:
            with self._refusing(FileNotFoundError):
                obstore.head(self._remote, shard(require_digest(digest)))
        except FileNotFoundError:
            return False
        return True

    def delete(self, digest: str) -> None:
        """Remove the object if it is there (work store and approved disposal only)."""
        try:
            with self._refusing(FileNotFoundError):
                obstore.delete(self._remote, shard(require_digest(digest)))
        except FileNotFoundError:
            return

    def names(self) -> Iterator[str]:
        """Yield the name of everything there."""
        with self._refusing():
            for page in obstore.list(self._remote):
                yield from (one["path"] for one in page)

    def digests(self) -> Iterator[Sha256Hex]:
        """Yield the names of all objects, in no order."""
        return (digest for name in self.names() if (digest := parse_name(name)))

    def _read(self, digest: str) -> bytes:
        try:
            with self._refusing(FileNotFoundError):
                return bytes(obstore.get(self._remote, shard(digest)).bytes())
        except FileNotFoundError as exc:
            raise NotFoundError("E-ARC-001", f"找不到存证原件：{self._place(digest)}") from exc

    def _place(self, digest: str) -> str:
        return f"{self._where}/{shard(digest)}"

    @contextmanager
    def _refusing(self, *expected: type[Exception]) -> Iterator[None]:
        """Turn what the service refuses into a SetupError; its answer may quote keys, so only its kind is told."""
        try:
            yield
        except expected:
            raise
        except (BaseError, OSError) as exc:  # a missing bucket is a FileNotFoundError, a timeout an OSError
            raise SetupError(
                "E-ARC-013",
                f"对象存储 {self._where} 无法读写（{type(exc).__name__}），请检查桶名、网络、权限与空间。",
            ) from exc


def open_store(url: str, part: str) -> RemoteStore:
    """Return the store in `part` below `url`, s3://bucket or s3://bucket/prefix; raise InputError for another form."""
    if not _URL.fullmatch(url):
        raise InputError("E-ARC-014", f"对象存储的地址应为 s3://桶名 或 s3://桶名/前缀：{url}")
    where = f"{url.rstrip('/')}/{part}"
    bucket, _, prefix = where.removeprefix("s3://").partition("/")
    remote = S3Store(
        bucket,
        prefix=prefix,
        checksum_algorithm="SHA256",  # the service compares what arrived with what was sent
        client_options={"timeout": _TIMEOUT, "allow_http": True},  # http only where AWS_ENDPOINT_URL says so
        retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY_TIMEOUT},
    )
    return RemoteStore(remote, where)
