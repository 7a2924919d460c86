"""A deployment under LIANGZE_SIGNATURE_PROFILE=sm2: it changes over, issues, signs, ends and answers with SM2."""

import platform
import random
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import x509
from sqlalchemy import select

from service import app as composition
from service import gm
from service.app import App
from service.archive import evidence_readme
from service.core import Sha256Hex
from service.db.tables import Certificate, Letter, Seal
from service.errors import ConflictError, SetupError
from service.keys import suites
from service.settings import Settings
from service.signing import ca, decisions, profile
from service.verification import chain, cms, crypto, revocation, verdict
from service.verification.report import Report
from service.verification.trust import Anchor
from service.workflows import (
    authority,
    certificates,
    ending,
    enrolment,
    generations,
    letters,
    licensed,
    online,
    pins,
    report_words,
    responding,
    setup,
    signing,
)
from service.workflows.enrolment import Ground
from tests.verification.test_sm2_letters import openssl_accepts
from tests.workflows.conftest import PIN, START, VILLAGE, HandClock, people, sign_all

GROUND = Ground("管理员甲", "改用国密")
CLERK = Ground("录入员甲", "换用国密密钥", "已当面核对")


def open_sm2(home: Path, seed: int) -> App:
    """Open a deployment under the profile, each time ten minutes later."""
    settings = Settings(home=home, workers=1, signature_profile="sm2")
    clock = HandClock(START + timedelta(minutes=10 * (seed - 19)))
    return composition.build(settings, clock, random.Random(seed).randbytes)


@pytest.fixture(scope="module")
def changed_home(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The street after its change to SM2: a new CA, new keys for seal and signers, all letters of a village signed."""
    home = tmp_path_factory.mktemp("sm2") / "var"
    shutil.copytree(prepared_home, home)
    app = open_sm2(home, 20)
    generations.succeed(app.parts, "sign", GROUND, early=True)
    app = open_sm2(home, 21)
    with app.parts.sessions.begin() as session:
        seal = session.scalars(select(Seal.id)).one()
    for owner in (seal, *people(app.parts)):
        pins.replace_forgotten(app.parts, owner, PIN, CLERK)
    letters.plan_letters(app.parts, VILLAGE, who="clerk")
    app.drain()
    signing.seal_letters(app.parts, VILLAGE, PIN, device="test")
    app.drain()
    sign_all(app)
    app.parts.close()
    return home


@pytest.fixture(scope="module")
def sm2_app(changed_home: Path) -> App:
    return open_sm2(changed_home, 22)


@pytest.fixture(scope="module")
def reports(sm2_app: App) -> list[Report]:
    app = sm2_app
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
        heads = list(session.scalars(select(Letter.head)))
    files = [app.parts.store.get(Sha256Hex(str(head))) for head in heads]
    return [verdict.verify(one, trust, app.parts.clock()) for one in files]


def test_no_key_is_made_while_the_authority_is_of_the_other_profile(open_app: Callable[[], App]) -> None:
    home = open_app().parts.settings.home
    app = open_sm2(home, 23)
    with pytest.raises(ConflictError, match="cert succeed") as caught:
        pins.replace_forgotten(app.parts, people(app.parts)[0], PIN, CLERK)
    assert caught.value.code == "E-SIG-213"


def test_every_letter_is_signed_with_sm2_and_in_force(reports: list[Report]) -> None:
    assert len(reports) > 1
    for report in reports:
        assert (report.is_good, report.status) == (True, "in_force"), report.reasons
        assert [one.algorithm for one in report.signatures] == ["sm2+sm3"] * 3
        assert [one.time_algorithm for one in report.signatures] == ["ecdsa-p256+sha256"] * 3


def test_the_printed_words_name_both_algorithms(reports: list[Report]) -> None:
    report = reports[0]
    words = report_words.signature(report, report.signatures[0])
    assert words["state"].endswith("算法 SM2、SM3")
    assert words["time_proof"].endswith("算法 ECDSA-P256、SHA-256")
    assert report_words.timestamp(report.timestamps[0])["state"].endswith("算法 ECDSA-P256、SHA-256")


def test_both_generations_have_their_lists_each_by_its_own_algorithm(sm2_app: App) -> None:
    parts = sm2_app.parts
    with parts.sessions.begin() as session:
        lists = authority.named_crls(parts, session, parts.clock())
        roots = authority.root_files(session)
    assert set(lists) == {"issuing_ca", "issuing_ca-2", "tsa_ca"}
    for name, der in lists.items():
        assert revocation.is_signed_by(der, roots[name])
        used = revocation.load(der).parsed["signature_algorithm"]["algorithm"].native
        assert used == ("sm2_sm3" if name == "issuing_ca-2" else "sha256_ecdsa")


def test_the_ocsp_answer_about_an_sm2_certificate_is_signed_with_sm2(sm2_app: App) -> None:
    parts = sm2_app.parts
    keys = responding.signers(parts)
    assert {name: str(key.algorithm) for name, key in keys.items()} == {
        "international": "ecdsa-p256-sha256",
        "sm2": "sm2-sm3",
    }
    with parts.sessions.begin() as session:
        row = authority.certificate_of(session, people(parts)[0], parts.clock())
    issuer = parts.issuing_ca.certificate
    (request,) = [body for _, body in _ocsp_requests(row.der, issuer)]
    answer = responding.answer(parts, keys, request)
    path = chain.build(row.der, [], authority_anchors(sm2_app), "sign")
    revocation.require_not_revoked(path, parts.clock(), [answer], must=True, proven=False)
    forged = answer[:-1] + bytes([answer[-1] ^ 1])
    with pytest.raises(Exception, match="REVOCATION_UNKNOWN"):
        revocation.require_not_revoked(path, parts.clock(), [forged], must=True, proven=False)


def authority_anchors(app: App) -> tuple[Anchor, ...]:
    with app.parts.sessions.begin() as session:
        return tuple(authority.trust(app.parts, session, app.parts.clock()).anchors)


def _ocsp_requests(certificate: bytes, issuer: bytes) -> list[tuple[str, bytes]]:
    """What `--online` would ask, had the certificate an address: built as it builds it."""
    parsed = [online._parse(one) for one in (certificate, issuer)]
    assert None not in parsed
    return [("", online._ocsp_request(*parsed))]  # type: ignore[arg-type]


def test_a_decision_that_ends_a_letter_is_signed_with_sm2(changed_home: Path, tmp_path: Path) -> None:
    shutil.copytree(changed_home, tmp_path / "var")
    app = open_sm2(tmp_path / "var", 24)
    with app.parts.sessions.begin() as session:
        letter = session.scalars(select(Letter.id)).first()
    ending.void(app.parts, str(letter), ending.Ground("主任甲", "内容有误", "会议纪要"), PIN, device="test")
    app.drain()
    found = ending.record_of(app.parts, str(letter))
    assert found is not None
    decision, container = decisions.read(found[1])
    signed = cms.read_signature(container, canonical=True, pades=True)
    assert signed.algorithms == {"sm2", "sm3"}
    assert signed.message_digest == crypto.digest("sm3", decision.to_bytes())


def test_a_request_to_a_licensed_authority_asks_for_an_sm2_key(changed_home: Path, tmp_path: Path) -> None:
    shutil.copytree(changed_home, tmp_path / "var")
    app = open_sm2(tmp_path / "var", 25)
    person = people(app.parts)[0]
    certificates.revoke(app.parts, person, ca.Reason.SUPERSEDED, CLERK)
    (tmp_path / "request.pem").write_bytes(licensed.request(app.parts, person, PIN, CLERK))
    command = ["openssl", "req", "-in", "request.pem", "-noout", "-verify", "-vfyopt"]
    done = subprocess.run(
        [*command, f"distid:{gm.SIGNER_ID.decode()}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "verify OK" in done.stderr + done.stdout, done


def test_a_key_kept_elsewhere_of_the_other_kind_is_refused(sm2_app: App, lab_key: bytes) -> None:
    with pytest.raises(ConflictError, match="不属于同一套算法"):
        enrolment.require_profile(sm2_app.parts, lab_key)


@pytest.fixture
def lab_key(prepared_home: Path) -> bytes:
    """A P-256 key: that of the first generation's CA."""
    der = setup.read_certificate(prepared_home / "secrets" / "issuing_ca.pem")
    return bytes(profile.load(der).public_key.dump())


@pytest.mark.parametrize("environment", ["demo", "production"])
def test_init_makes_signing_keys_of_the_profile_and_leaves_time_and_log_as_they_are(
    tmp_path: Path, environment: str
) -> None:
    settings = Settings(
        home=tmp_path / "var",
        workers=1,
        signature_profile="sm2",
        environment=environment,  # type: ignore[arg-type]
        log_origin="example.org/log",
    )
    composition.initialise(settings, HandClock(), random.Random(26).randbytes)
    parts = composition.build(settings, HandClock(), random.Random(27).randbytes).parts
    kinds = {name: str(setup.open_key(settings, name).algorithm) for name in setup.SERVICE_KEYS}
    p256, ed25519 = "ecdsa-p256-sha256", "ed25519"
    assert kinds == {
        "issuing_ca": "sm2-sm3", "tsa_ca": p256, "tsa": p256, "log": ed25519, "trust": ed25519, "qr": p256,
    }  # fmt: skip
    with parts.sessions.begin() as session:
        rows = {row.use: row.der for row in session.scalars(select(Certificate))}
    root = x509.Certificate.load(rows["ca"])
    assert root["signature_algorithm"]["algorithm"].native == "sm2_sm3"
    content = root["tbs_certificate"].dump()
    assert openssl_accepts(tmp_path, root.public_key.dump(), content, root["signature_value"].native)


@pytest.mark.parametrize("name", ["international", "sm2"])
def test_the_demo_has_seal_and_authority_of_either_profile(name: str) -> None:
    settings = Settings(signature_profile=name)  # type: ignore[arg-type]
    for file in ("issuing_ca.pem", "seal.pem", "tsa_ca.pem"):
        suite = suites.of_certificate(setup.read_certificate(setup.demo_key(settings, file)))
        assert suite is not None
        assert suite.profile == ("international" if file == "tsa_ca.pem" else name)


def test_init_refuses_a_machine_whose_library_betrays_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(gm, "library_version", lambda: (3, 5, 0))
    settings = Settings(home=tmp_path / "var", signature_profile="sm2")
    with pytest.raises(SetupError, match="CVE-2025-9231"):
        composition.initialise(settings, HandClock(), random.Random(28).randbytes)
    assert not (tmp_path / "var").exists()


def test_the_evidence_package_tells_what_other_programs_need() -> None:
    remark = suites.of_profile("sm2").remark
    assert remark in evidence_readme.text(1, "2026-11-24T00:00:00Z", remark).decode()
    assert "注意" not in evidence_readme.text(1, "2026-11-24T00:00:00Z").decode()
