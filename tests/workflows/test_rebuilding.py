"""The whole database is lost: from archive and keys every letter and every receipt comes back, and is valid."""

import shutil
from pathlib import Path

import pytest

from service import app as composition
from service.app import App
from service.cli import run
from service.errors import ConflictError, InputError
from service.settings import Settings
from service.verification import verdict
from service.verification.trust import Trust
from service.workflows import reconciling
from service.workflows import trust as bundles
from tests.workflows.conftest import HandClock


@pytest.fixture
def ruin(signed_app: App, tmp_path: Path) -> Settings:
    """A data directory with archive and secrets, and nothing else."""
    old, home = signed_app.parts.settings.home, tmp_path / "ruin"
    home.mkdir()
    for name in ("archive", "secrets"):
        shutil.copytree(old / name, home / name)
    return Settings(home=home, workers=1)


def test_letters_and_receipts_come_back_from_archive_and_keys(
    signed_app: App,
    signed_home: tuple[Path, list[str]],
    ruin: Settings,
    tmp_path: Path,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Trust.read_bundle(bundles.bundle(signed_app.parts, clock()))
    for number, der in enumerate(before.crls):
        (tmp_path / f"{number}.crl").write_bytes(der)
    monkeypatch.setenv("LIANGZE_HOME", str(ruin.home))
    lists = [word for path in sorted(tmp_path.glob("*.crl")) for word in ("--crl", str(path))]
    assert run(["archive", "rebuild", *lists, "--out", str(tmp_path / "out")]) == 0
    again = composition.build(ruin, clock)
    after = Trust.read_bundle(bundles.bundle(again.parts, clock()))
    assert after.certificates == before.certificates
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.pdf")) == sorted(signed_home[1])
    for path in (tmp_path / "out").glob("*.pdf"):
        receipt = path.with_suffix(".tlog-proof").read_bytes()
        for known in (before, after):
            report = verdict.verify(path.read_bytes(), known, clock(), receipt=receipt)
            assert (report.verdict, report.status) == ("valid", "in_force"), report.reasons
    assert again.parts.log.held()
    size = reconciling.reconcile(again.parts, [], alone=True)
    assert size == signed_app.parts.log.publish()
    with pytest.raises(ConflictError, match="E-SYS-167"):
        composition.rebuild(ruin, [], clock)


def test_what_is_no_list_of_revocations_leaves_no_half_made_database(
    ruin: Settings, clock: HandClock
) -> None:
    with pytest.raises(InputError, match="E-SYS-168"):
        composition.rebuild(ruin, [b"nothing"], clock)
    assert composition.rebuild(ruin, [], clock) > 0  # nothing of the first try was kept
    known = Trust.read_bundle(bundles.bundle(composition.build(ruin, clock).parts, clock()))
    assert len(known.certificates) == 3  # the service's own; nobody can say which others were revoked
