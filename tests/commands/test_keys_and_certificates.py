"""The commands for PINs and certificates, as a clerk runs them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from service.app import App
from service.cli import run
from service.clock import china_day
from service.registry import query
from tests.workflows.conftest import PIN, VILLAGE, clock, open_app, prepared_home  # noqa: F401 - fixtures

NEW = "518294"


@pytest.fixture
def street(open_app: Callable[[], App], monkeypatch: pytest.MonkeyPatch) -> list[str]:  # noqa: F811
    """A deployment in the environment; the words that name one of its cadres."""
    app = open_app()
    monkeypatch.setenv("LIANGZE_HOME", str(app.parts.settings.home))
    monkeypatch.setenv("LIANGZE_WORKERS", "1")
    with app.parts.sessions.begin() as session:
        cadre = query.cadres(session, VILLAGE, china_day(app.parts.clock()))[0]
    return ["--unit", VILLAGE, "--name", cadre.name]


def _pipe(pin: str) -> str:
    reading, writing = os.pipe()
    os.write(writing, f"{pin}\n".encode())
    os.close(writing)
    return str(reading)


def test_a_pin_is_changed_and_the_old_one_is_wrong_from_then_on(
    street: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    change = ["pin", "change", *street, "--pin-fd", _pipe(PIN), "--new-pin-fd"]
    assert run([*change, _pipe(NEW)]) == 0
    assert "PIN 已更换" in capsys.readouterr().out
    assert run(["pin", "change", *street, "--pin-fd", _pipe(PIN), "--new-pin-fd", _pipe("729416")]) == 1
    assert "E-KEY-001" in capsys.readouterr().err


def test_a_reset_needs_to_say_how_identity_was_confirmed(
    street: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    reset = ["pin", "reset", *street, "--by", "录入员甲", "--pin-fd", _pipe(NEW), "--identity"]
    assert run([*reset, "看着像"]) == 1
    assert "已当面核对" in capsys.readouterr().err
    assert run([*reset, "已当面核对"]) == 0
    assert run(["cert", "list", *street]) == 0
    shown = capsys.readouterr().out
    assert "已吊销" in shown
    assert "重置　遗忘 PIN　经办 录入员甲　已当面核对" in shown


def test_a_certificate_is_suspended_resumed_and_revoked(
    street: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    act = [*street, "--by", "录入员甲", "--why", "测试"]
    assert run(["cert", "suspend", *act]) == 0
    assert run(["cert", "resume", *act, "--identity", "已电话核对"]) == 0
    assert run(["cert", "renew", *act]) == 0
    assert run(["cert", "revoke", *act, "--reason", "不喜欢"]) == 2
    assert run(["cert", "revoke", *act, "--reason", "密钥泄露", "--since", "2026-11-20"]) == 0
    assert run(["cert", "revoke", *act, "--reason", "密钥泄露"]) == 1
    assert run(["cert", "crl", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.crl")) == ["issuing_ca.crl", "tsa_ca.crl"]


def test_a_request_is_written_for_a_licensed_authority(
    street: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["enrol", "csr", *street, "--out", str(tmp_path / "r.csr"), "--pin-fd", _pipe(PIN)]) == 1
    assert "已有有效证书" in capsys.readouterr().err
    revoke = ["cert", "revoke", *street, "--by", "甲", "--why", "换用持牌机构证书", "--reason", "更换证书"]
    assert run(revoke) == 0
    assert run(["enrol", "csr", *street, "--out", str(tmp_path / "r.csr"), "--pin-fd", _pipe(PIN)]) == 0
    assert (tmp_path / "r.csr").read_bytes().startswith(b"-----BEGIN CERTIFICATE REQUEST-----")


def test_enrol_without_a_person_or_seal_is_wrong_use(street: list[str]) -> None:
    assert run(["enrol", "--unit", VILLAGE]) == 2
    assert run(["enrol"]) == 2


def test_the_authorities_are_listed_and_followed(
    street: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cert", "authorities"]) == 0
    assert capsys.readouterr().out.count("现用") == 2
    words = ["cert", "succeed", "--use", "time", "--by", "管理员甲", "--why", "换算法"]
    assert run(words) == 1
    assert "尚不需要换代" in capsys.readouterr().err
    assert run([*words, "--early"]) == 0
    assert "tsa_ca-2 已生成并存证" in capsys.readouterr().out
    assert run(["cert", "authorities"]) == 0
    shown = capsys.readouterr().out
    assert "第2代" in shown
    assert "仍被信任，不再签发" in shown
    assert run([*words[:3], "seal", *words[4:]]) == 2


def test_a_drawn_signature_is_kept_and_dropped(
    street: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pad = tmp_path / "pad.json"
    pad.write_text("[[[1, 2], [30, 40.5], [60, 2]]]")
    words = ["enrol", "drawing", *street]
    assert run([*words, "--file", str(pad), "--pin-fd", _pipe(NEW)]) == 1
    assert "E-KEY-001" in capsys.readouterr().err
    assert run([*words, "--file", str(pad), "--pin-fd", _pipe(PIN)]) == 0
    assert "已留存" in capsys.readouterr().out
    assert run([*words, "--forget"]) == 0
    assert run(words) == 2


def test_a_key_elsewhere_needs_its_place_to_be_configured(
    street: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    take = ["enrol", "take", *street, "--pin-fd", _pipe(PIN), "--key"]
    assert run([*take, "csc:one"]) == 3
    assert "LIANGZE_REMOTE_SIGNER" in capsys.readouterr().err
    assert run([*take, "pkcs11:token=x;object=y"]) == 2
    assert "--cert" in capsys.readouterr().err
