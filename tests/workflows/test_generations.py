"""The next generation of the own CA and TSA: made before the old one ends; both trusted, old letters valid."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import pem

from service.app import App
from service.core import Sha256Hex, sha256_hex
from service.db.tables import Letter
from service.errors import ConflictError, SetupError
from service.signing import profile
from service.verification import verdict
from service.workflows import authority, certificates, enrolment, generations, periodic, setup, signing
from service.workflows.enrolment import Ground
from service.workflows.generations import DUE
from tests.workflows.conftest import PIN, HandClock, people
from tests.workflows.test_certificates import _first_cadre

GROUND = Ground("管理员甲", "到期换代")
CLERK = Ground("录入员甲", "换证", "已当面核对")


def _near_end(app: App, clock: HandClock) -> None:
    end = profile.load(app.parts.issuing_ca.certificate).not_valid_after
    clock.move(end - clock() - DUE + timedelta(days=1))


def _verdicts(app: App, letters: list[str]) -> set[str]:
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
        heads = [session.get_one(Letter, one).head for one in letters]
    found = [
        verdict.verify(app.parts.store.get(Sha256Hex(str(head))), trust, app.parts.clock()) for head in heads
    ]
    return {one.verdict.value for one in found}


def test_it_is_not_made_early_by_mistake(app: App) -> None:
    for use in ("sign", "time"):
        with pytest.raises(ConflictError, match="尚不需要换代"):
            generations.succeed(app.parts, use, GROUND)
    assert generations.due(app.parts) == []


def test_letters_of_both_generations_hold_and_each_list_is_made(
    open_app: Callable[[], App], issued: list[str], clock: HandClock, tmp_path: Path
) -> None:
    app = open_app()
    signing.sign_letters(app.parts, people(app.parts)[0], PIN, device="test")
    app.drain()
    for use in ("sign", "time"):
        generations.succeed(app.parts, use, GROUND, early=True)
    assert "仍被信任" not in "".join(generations.overview(app.parts))  # used from the next start on
    renewed = open_app()
    parts = renewed.parts
    assert [one.name for one in parts.authorities] == ["issuing_ca-2", "tsa_ca-2", "issuing_ca", "tsa_ca"]
    person = _first_cadre(renewed)
    old = _certificate_issuer(renewed, person)
    certificates.renew(parts, person, CLERK)
    assert _certificate_issuer(renewed, person) != old
    signing.sign_letters(parts, person, PIN, device="test")
    renewed.drain()
    assert _verdicts(renewed, issued) == {"valid"}
    with parts.sessions.begin() as session:
        lists = authority.named_crls(parts, session, parts.clock())
        names = authority.root_files(session)
    assert set(lists) == set(names) == {"issuing_ca", "issuing_ca-2", "tsa_ca", "tsa_ca-2"}
    for name, der in lists.items():
        (tmp_path / "x.crl").write_bytes(der)
        (tmp_path / "x.pem").write_bytes(pem.armor("CERTIFICATE", names[name]))
        said = subprocess.run(
            ["openssl", "crl", "-inform", "DER", "-in", "x.crl", "-CAfile", "x.pem", "-noout"],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert "verify OK" in said.stderr


def _certificate_issuer(app: App, person: str) -> str | None:
    with app.parts.sessions.begin() as session:
        return authority.certificate_of(session, person, app.parts.clock()).issuer


def test_after_the_old_generation_has_ended_the_new_one_alone_certifies(
    open_app: Callable[[], App], issued: list[str], clock: HandClock
) -> None:
    app = open_app()
    _near_end(app, clock)
    assert generations.due(app.parts) == ["sign", "time"]
    assert any("请换代" in line for line in generations.overview(app.parts))
    periodic.watch_authorities(app.parts)
    for use in ("sign", "time"):
        generations.succeed(app.parts, use, GROUND)
    end = profile.load(app.parts.issuing_ca.certificate).not_valid_after
    clock.move(end - clock() + timedelta(days=1))
    renewed = open_app()
    assert _verdicts(renewed, issued) <= {
        "valid",
        "indeterminate",
    }  # never wrong: its timestamps need renewal
    der = enrolment.enrol_person(renewed.parts, _first_cadre(renewed), PIN)
    assert profile.load(der).issuer == profile.load(renewed.parts.issuing_ca.certificate).subject
    with renewed.parts.sessions.begin() as session:
        lists = authority.named_crls(renewed.parts, session, clock())
    assert set(lists) >= {"issuing_ca-2", "tsa_ca-2"}


def test_a_crash_before_the_log_entry_changes_nothing_and_the_command_goes_on(
    open_app: Callable[[], App], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app()

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(enrolment, "log_certificate", crash)
        with pytest.raises(KeyboardInterrupt):
            generations.succeed(app.parts, "time", GROUND, early=True)
    written = (app.parts.settings.secrets / "tsa-2.pem").read_bytes()
    again = open_app()
    assert again.parts.tsa_ca.name == "tsa_ca"
    assert generations.succeed(again.parts, "time", GROUND, early=True) == "tsa_ca-2"
    assert (app.parts.settings.secrets / "tsa-2.pem").read_bytes() == written
    assert open_app().parts.tsa_ca.name == "tsa_ca-2"


def test_a_missing_newest_key_stops_the_start_and_a_destroyed_old_one_does_not(
    open_app: Callable[[], App],
) -> None:
    app = open_app()
    first = sha256_hex(app.parts.issuing_ca.certificate)
    generations.succeed(app.parts, "sign", GROUND, early=True)
    secrets = app.parts.settings.secrets
    (secrets / "issuing_ca.key").unlink()
    later = open_app()
    assert [one.name for one in later.parts.authorities] == [
        "issuing_ca-2",
        "tsa_ca",
    ]
    with later.parts.sessions.begin() as session:
        trust = authority.trust(later.parts, session, later.parts.clock())
    assert first in {sha256_hex(one.certificate) for one in trust.anchors}
    (secrets / "issuing_ca-2.pem").unlink()
    with pytest.raises(SetupError, match="缺少现用签发机构的证书"):
        open_app()
    assert setup.key_uris(app.parts.settings.model_copy(update={"key_uris": "tsa-2=pkcs11:x"})) == {
        "tsa-2": "pkcs11:x"
    }
