"""A deployment whose objects are on an S3 service: it signs, files, is backed up, audited and restored as ever."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import app as composition
from service.app import App
from service.archive import audit
from service.archive.audit import Scope
from service.cli import run
from service.settings import Settings
from service.workflows import backup, enrolment, reconciling, setup
from tests.archive import s3_server
from tests.workflows.conftest import PIN, TOWN, HandClock


@pytest.fixture
def remote(app: App, monkeypatch: pytest.MonkeyPatch, clock: HandClock) -> Iterator[App]:
    """The prepared deployment after its objects have moved to a bucket."""
    with s3_server.served() as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings = Settings(
            home=app.parts.settings.home, workers=1, store_url=f"s3://{s3_server.BUCKET}/lucheng"
        )
        for old, new in zip((app.parts.store, app.parts.work), setup.stores(settings), strict=True):
            for digest in old.digests():
                new.put(old.get(digest))
        shutil.rmtree(settings.archive / "store")
        shutil.rmtree(settings.work)
        yield composition.build(settings, clock, os.urandom)


def test_the_bucket_holds_what_the_folder_did(
    remote: App, tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = remote.parts
    seal = enrolment.register_seal(parts, TOWN, "五马街道食药安办印章", "DEMO002", None)
    enrolment.enrol_seal(parts, seal, PIN)
    remote.drain()
    assert not (parts.settings.archive / "store").exists()
    assert audit.audit(parts.settings.archive, parts.log.vkey, Scope(store=parts.store, workers=2)).ok
    monkeypatch.setenv("LIANGZE_HOME", str(parts.settings.home))
    monkeypatch.setenv("LIANGZE_STORE_URL", parts.settings.store_url)
    assert run(["archive", "audit"]) == 0
    done = backup.backup(parts, tmp_path / "copy")
    assert done.audit.ok  # a bare copy, with the objects as files
    fresh = Settings(home=tmp_path / "new", workers=1, store_url=f"s3://{s3_server.BUCKET}/again")
    fresh.home.mkdir()
    shutil.copytree(parts.settings.secrets, fresh.secrets)
    assert backup.restore(fresh, tmp_path / "copy", clock).audit.ok
    again = composition.build(fresh, clock)
    assert sorted(again.parts.store.digests()) == sorted(parts.store.digests())
    assert reconciling.reconcile(again.parts, [], alone=True) == done.size
