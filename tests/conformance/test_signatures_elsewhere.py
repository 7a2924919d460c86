"""Signatures of both profiles, message and chain, by PDFBox and Bouncy Castle, the one other full verifier of SM2."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from asn1crypto import pem

from service.keys.signer import Algorithm
from service.settings import ROOT
from tests.verification.conftest import Lab

pytestmark = pytest.mark.conformance

JARS = Path(os.environ.get("LIANGZE_TEST_JARS", "/usr/share/java"))
NAMES = ("pdfbox2", "fontbox2", "commons-logging", "bcprov", "bcutil", "bcpkix")
FIELDS = ("office", "cadre", "leader")
SM2, ECDSA = "1.2.156.10197.1.501", "1.2.840.10045.4.3.2"


def judge(files: list[Path], anchors: Path) -> set[tuple[str, ...]]:
    """Return what is said of each signature and timestamp: file, field, kind, algorithm, message, chain."""
    java, jars = shutil.which("java"), [JARS / f"{name}.jar" for name in NAMES]
    if java is None or not all(jar.exists() for jar in jars):
        pytest.fail("PDFBox or Bouncy Castle is not installed: run make setup-conformance", pytrace=False)
    command = [
        java,
        "-Xshare:auto",
        "-cp",
        ":".join(map(str, jars)),
        str(ROOT / "scripts" / "Signatures.java"),
    ]
    names = "".join(f"{file}\n" for file in files)
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [*command, str(anchors)], input=names, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {(Path(file).name, *rest) for file, *rest in rows}


@pytest.fixture(scope="module", params=[Algorithm.SM2_SM3, Algorithm.ECDSA_P256_SHA256])
def lab(request: pytest.FixtureRequest) -> Lab:
    return Lab("elsewhere", algorithm=request.param)


@pytest.fixture(scope="module")
def revisions(lab: Lab) -> list[bytes]:
    return lab.revisions()


def _algorithm(lab: Lab) -> str:
    return SM2 if lab.algorithm is Algorithm.SM2_SM3 else ECDSA


def _written(folder: Path, files: dict[str, bytes], *anchors: bytes) -> tuple[list[Path], Path]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "anchors.pem").write_bytes(b"".join(pem.armor("CERTIFICATE", one) for one in anchors))
    return [folder / name for name in files], folder / "anchors.pem"


def test_every_signature_and_timestamp_of_every_revision_is_accepted(
    lab: Lab, revisions: list[bytes], tmp_path: Path
) -> None:
    files = {f"{count}.pdf": revisions[count] for count in range(1, 5)}
    said = judge(*_written(tmp_path, files, lab.issuing, lab.time_ca))
    assert {row[-2:] for row in said} == {("cms=true", "chain=true")}
    for count in range(1, 5):
        mine = {row[1:4] for row in said if row[0] == f"{count}.pdf"}
        expected = {(field, "signature", _algorithm(lab)) for field in FIELDS[:count]}
        expected |= {(field, "timestamp", ECDSA) for field in FIELDS[:count]}
        assert mine == expected | ({("timestamp-1", "timestamp", ECDSA)} if count == 4 else set())


def test_a_changed_byte_and_another_authority_are_found(
    lab: Lab, revisions: list[bytes], tmp_path: Path
) -> None:
    changed = bytearray(revisions[1])
    changed[changed.index(b"stream\n") + 20] ^= 1
    other = Lab("nobody", algorithm=lab.algorithm)
    files = {"changed.pdf": bytes(changed), "good.pdf": revisions[1]}
    said = judge(*_written(tmp_path, files, other.issuing, other.time_ca))
    found = {(row[0], *row[-2:]) for row in said if row[2] == "signature"}
    assert found == {
        ("changed.pdf", "cms=false", "chain=false"),
        ("good.pdf", "cms=true", "chain=false"),
    }
