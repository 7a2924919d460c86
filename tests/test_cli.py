"""The commands as their users call them: Chinese messages with codes, exit codes, nothing half done."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service import app as composition
from service.cli import run
from service.clock import china_day, system_clock
from service.core import FileDigest
from service.errors import ServiceError
from service.registry import persons, query
from service.settings import Settings
from service.tlog import note, proof
from service.workflows import checking, trust

ROOT = Path(__file__).resolve().parents[1]
PIN = "806317"


@contextmanager
def descriptor(text: str) -> Iterator[str]:
    """Offer a text on a file descriptor, as a caller of --pin-fd does."""
    reading, writing = os.pipe()
    os.write(writing, text.encode() + b"\n")
    os.close(writing)
    try:
        yield str(reading)
    finally:
        os.close(reading)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANGZE_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("LIANGZE_WORKERS", "1")
    return tmp_path / "var"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_street: Path) -> Path:
    """A data directory taken through every command up to one finished letter, and its exports."""
    folder = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIANGZE_HOME", str(folder / "var"))
        patch.setenv("LIANGZE_WORKERS", "1")
        assert run(["init"]) == 0
        assert run(["import", str(small_street)]) == 0
        assert run(["assign"]) == 0
        made = ["generate", "responsibility_list", "--unit", "五马一社区", "--tier", "D"]
        assert run([*made, "--out", str(folder / "lists")]) == 0
        seal = ["enrol", "--unit", "五马街道", "--seal", "五马街道食品安全委员会印章"]
        signer, leader = _signers(folder / "var")
        for command in (seal, ["enrol", *signer], ["enrol", *leader], ["issue", "--unit", "五马一社区"]):
            with descriptor(PIN) as fd:
                assert run([*command, "--pin-fd", fd]) == 0
        for who in (signer, leader):
            with descriptor(PIN) as fd:
                assert run(["sign", *who, "--yes", "--pin-fd", fd]) == 0
        _export(folder)
    return folder


def _signers(home: Path) -> tuple[list[str], list[str]]:
    parts = composition.build(Settings(home=home, workers=1)).parts
    with parts.sessions.begin() as session:
        on = china_day(system_clock())
        village = query.find_unit(session, "五马一社区", on)
        leader = persons.leader(session, village.code, on)
        cadre = next(one for one in query.cadres(session, village.code, on) if one.cadre != leader.cadre)
        return ["--unit", village.name, "--name", cadre.name], ["--unit", village.name, "--name", leader.name]


def _export(folder: Path) -> None:
    parts = composition.build(Settings(home=folder / "var", workers=1)).parts
    final = checking.finals(parts)[0]
    (folder / "letter.pdf").write_bytes(final.pdf)
    (folder / "receipts").mkdir()
    (folder / "receipts" / "letter.tlog-proof").write_bytes(final.receipt)
    trust.export(parts, folder / "trust", parts.clock())
    (folder / "log.vkey").write_text(parts.log.vkey + "\n")


def verify(finished: Path, *arguments: str, letter: str = "letter.pdf") -> list[str]:
    return ["verify", str(finished / letter), "--trust", str(finished / "trust" / "bundle.json"), *arguments]


def test_a_finished_letter_is_valid_from_file_receipt_and_bundle_alone(
    finished: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    options = ["--receipt", str(finished / "receipts"), "--log-key", str(finished / "log.vkey"), "--json"]
    assert run(verify(finished, *options)) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["status"], report["voucher"]) == ("valid", "in_force", "demo")
    assert report["receipt"]["index"] >= 0
    assert not home.exists()


def test_reports_and_signed_revisions_are_written_where_they_are_asked_for(
    finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out, taken = tmp_path / "out", tmp_path / "taken"
    forms = ["--report", "html", "--report", "xlsx", "--out", str(out), "--extract", str(taken)]
    assert run(verify(finished, *forms)) == 0
    said = capsys.readouterr().out
    assert {one.name for one in out.iterdir()} == {"验证报告.html", "验证报告.xlsx"}
    assert "有效" in (out / "验证报告.html").read_text()
    letter = (finished / "letter.pdf").read_bytes()
    signed = sorted(taken.glob("*.pdf"))
    assert len(signed) >= 3 and all(letter.startswith(one.read_bytes()) for one in signed)
    assert all(one.name in said for one in signed)


def test_nothing_is_fetched_without_listed_hosts(
    finished: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIANGZE_ONLINE_HOSTS", raising=False)
    assert run(verify(finished, "--online", "--json")) != 0
    assert "LIANGZE_ONLINE_HOSTS" in capsys.readouterr().err


def test_several_files_give_an_array_and_one_bad_one_spoils_the_exit_code(
    finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    changed = tmp_path / "changed.pdf"
    content = bytearray((finished / "letter.pdf").read_bytes())
    content[3000] ^= 1
    changed.write_bytes(content)
    assert run([*verify(finished), str(changed), "--json"]) == 1
    reports = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in reports] == ["valid", "invalid"]


def test_a_bare_certificate_as_trust_leaves_the_voucher_unknown(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anchors = [
        value
        for name in ("issuing_ca", "tsa_ca")
        for value in ("--trust", str(finished / "trust" / f"{name}.pem"))
    ]
    assert run(["verify", str(finished / "letter.pdf"), *anchors, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["voucher"] == "unknown"


def test_an_unknown_issuer_is_never_valid(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(finished / "letter.pdf"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "indeterminate"


def test_a_receipt_of_another_letter_is_refused(
    finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    receipt = (finished / "receipts" / "letter.tlog-proof").read_bytes()
    other = tmp_path / "other.tlog-proof"
    other.write_bytes(receipt.replace(b"index ", b"index 1", 1))
    options = ["--log-key", str(finished / "log.vkey"), "--json", "--receipt"]
    assert run(verify(finished, *options, str(other))) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "invalid"
    empty = tmp_path / "receipts"
    empty.mkdir()
    (empty / "x.tlog-proof").write_bytes(b"nonsense")
    assert run(verify(finished, *options, str(empty))) == 1
    assert "E-VER-106" in capsys.readouterr().err


def test_every_changed_byte_of_a_receipt_is_noticed(finished: Path) -> None:
    receipt = (finished / "receipts" / "letter.tlog-proof").read_bytes()
    data = (finished / "letter.pdf").read_bytes()
    known = checking.gather_trust([finished / "trust" / "bundle.json"])
    verifiers = [note.Verifier.parse(vkey) for vkey in known.logs]
    for place in range(len(receipt)):
        changed = bytearray(receipt)
        changed[place] ^= 1
        with pytest.raises(ServiceError):
            proof.verify_receipt(bytes(changed), FileDigest.of(data), verifiers)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pdf", b""),
        ("text.pdf", b"hello"),
        ("photo.pdf", b"\x89PNG\r\n\x1a\n0000"),
        ("cut.pdf", b"%PDF-1.7\n1 0 obj"),
    ],
)
def test_what_is_no_signed_pdf_gets_a_verdict_and_no_traceback(
    name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert run(["verify", str(tmp_path / name), "--json"]) == 1
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert report["verdict"] in {"invalid", "indeterminate"} and report["reasons"]
    assert "Traceback" not in shown.err


def test_the_report_for_people_is_chinese(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(verify(finished)) == 0
    shown = capsys.readouterr().out
    assert "有效" in shown and "生效中" in shown and "承诺人" in shown and "北京时间" in shown


def test_an_archive_copy_is_audited_without_a_database(
    finished: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    options = ["--log-key", str(finished / "log.vkey"), "--full", "--trust", str(finished / "trust")]
    assert run(["archive", "audit", str(finished / "var" / "archive"), *options]) == 0
    assert "完好" in capsys.readouterr().out
    assert not home.exists()
    assert run(["archive", "audit", str(finished / "var" / "archive")]) == 2


def test_the_messy_workbook_has_its_twenty_faults_named_and_imports_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init"]) == 0
    assert run(["import", str(ROOT / "samples" / "lucheng_messy.xlsx")]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert sum("工作表" in line for line in shown) == 20
    assert "E-REG-610" in shown[-1]
    assert run(["assign"]) == 0
    assert "包保D级 0 户" in capsys.readouterr().out


def test_no_command_makes_what_it_does_not_find(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["assign"], ["worker", "--once"], ["archive", "audit"]):
        assert run(command) == 3
        assert "liangze init" in capsys.readouterr().err
    assert not home.exists()


@pytest.mark.parametrize(
    "arguments",
    [["frob"], ["sign"], ["verify"], ["sign", "--frob"], ["generate", "responsibility_list", "--tier", "Z"]],
)
def test_a_wrong_call_is_told_in_chinese(
    arguments: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    shown = capsys.readouterr().err
    assert re.search("E-SYS-0[58]", shown) and "such" not in shown and "Missing" not in shown


def test_help_is_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        [],
        ["verify"],
        ["archive", "audit"],
        ["sign"],
        ["visit"],
        ["change", "leave"],
        ["photo"],
    ):
        run([*command, "--help"])
        shown = capsys.readouterr().out
        assert "选项" in shown
        assert not re.search(r"Options|Show this|env var|<\w+|list\[", shown)


def test_a_pin_is_never_taken_from_the_command_line(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIANGZE_HOME", str(finished / "var"))
    assert run(["issue", "--unit", "五马一社区", "--pin", PIN]) == 2
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert run(["issue", "--unit", "五马一社区"]) == 2
    assert "E-SYS-041" in capsys.readouterr().err


def test_production_refuses_a_demo_data_directory(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIANGZE_HOME", str(finished / "var"))
    monkeypatch.setenv("LIANGZE_ENVIRONMENT", "production")
    assert run(["assign"]) == 1
    assert "E-PKI-020" in capsys.readouterr().err
    assert run(["demo"]) == 2


def test_production_makes_its_own_keys(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIANGZE_ENVIRONMENT", "production")
    assert run(["init"]) == 3
    assert "LIANGZE_LOG_ORIGIN" in capsys.readouterr().err
    monkeypatch.setenv("LIANGZE_LOG_ORIGIN", "district.example/log")
    assert run(["init", "--organization", "鹿城区食药安办"]) == 0
    assert run(["archive", "audit"]) == 0


def test_a_list_that_nobody_signs_is_called_unsigned_and_not_lost(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = next((finished / "lists").glob("*.pdf"))
    assert run(["verify", str(path), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["status"]) == ("indeterminate", "unknown")
    assert [reason["code"] for reason in report["reasons"]] == ["SIG_NONE"]


def test_a_missing_file_or_an_empty_folder_is_told_in_chinese(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, why in ((tmp_path / "none.pdf", "没有这个文件"), (tmp_path, "没有要验证的文件")):
        assert run(["verify", str(path)]) == 1
        assert why in capsys.readouterr().err
