"""The bundle a user keeps: only newer ones by the same key replace it, and what it says can be read."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.errors import ConflictError, NotFoundError, VerificationError
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.tlog import note
from service.verification import trust as bundles
from service.workflows import trust
from tests.attacks.conftest import lab  # noqa: F401 - a fixture

DAY = timedelta(days=1)


def test_a_newer_bundle_replaces_the_kept_one_and_an_older_does_not(tmp_path: Path, lab: Any) -> None:  # noqa: F811
    path = tmp_path / "deep" / "trust.json"
    first, second = (lab.bundle(lab.trust(at)) for at in (lab.t0, lab.t0 + DAY))
    assert trust.update(path, first).before is None
    assert trust.update(path, second).changed and path.read_bytes() == second
    assert not trust.update(path, second).changed
    with pytest.raises(ConflictError, match="旧"):
        trust.update(path, first)
    assert path.read_bytes() == second


def test_another_key_or_a_changed_bundle_is_refused(tmp_path: Path, lab: Any) -> None:  # noqa: F811
    path = tmp_path / "trust.json"
    data = lab.bundle(lab.trust())
    trust.update(path, data, trust.require_kept(_written(tmp_path, data)).vkey)
    key = LocalSigner(private.generate(Algorithm.ED25519, lambda size: bytes([7]) * size))
    vkey = note.vkey("trust.example", key.public_key)
    foreign = bundles.bundle_bytes(lab.trust(lab.t0 + DAY), vkey, key.sign)
    with pytest.raises(VerificationError, match="另一把信任密钥"):
        trust.update(path, foreign)
    with pytest.raises(VerificationError):
        trust.update(tmp_path / "new.json", data, vkey)
    with pytest.raises(VerificationError):
        trust.update(path, data.replace(b'"environment":"test"', b'"environment":"tost"'))
    assert path.read_bytes() == data and not (tmp_path / "new.json").exists()


def test_without_a_bundle_it_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="liangze trust update"):
        trust.require_kept(tmp_path / "none.json")


def test_what_a_bundle_says_is_told(tmp_path: Path, lab: Any) -> None:  # noqa: F811
    kept = trust.require_kept(_written(tmp_path, lab.bundle(lab.trust())))
    said = dict(trust.describe(kept, lab.t0 + 60 * DAY))
    assert "已过期" in said["有效至"][0] and "已过期" not in dict(trust.describe(kept, lab.t0))["有效至"][0]
    assert "签发机构 lab" in said["信任的机构"][0] and "非持牌机构" in said["信任的机构"][0]
    assert "吊销 0 张" in said["吊销列表"][0] and said["见证方"] == ["没有"]


def _written(folder: Path, data: bytes) -> Path:
    path = folder / "given.json"
    path.write_bytes(data)
    return path
