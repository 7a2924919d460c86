"""The whole ceremony in one file, judged by pyHanko, poppler and qpdf; and what it refuses."""

import hashlib
import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, crl, pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import FieldMDPAction, MDPPerm
from pyhanko.sign.general import as_signing_certificate_v2
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from service.core import Role
from service.errors import ConflictError, CorruptError, InputError, SetupError, VerificationError
from service.settings import ROOT
from service.signing import ceremony, revision
from service.signing import cms as containers
from service.verification import der
from tests.signing import conftest
from tests.signing.conftest import DOT, T0, World

STEPS = ("issued", "signed", "countersigned", "completed")
CONTENTS = re.compile(rb"/Contents <([^>]*)>\s*/ByteRange \[0 (\d+) (\d+) (\d+)\]")


def context(world: World) -> ValidationContext:
    return ValidationContext(
        trust_roots=[x509.Certificate.load(each) for each in (world.issuing, world.time_ca)],
        crls=[crl.CertificateList.load(each) for each in world.crls],
        moment=T0 + timedelta(hours=1),
        revocation_mode="require",
        allow_fetching=False,
    )


@pytest.mark.parametrize("count", range(1, 5), ids=STEPS)
def test_pyhanko_trusts_every_signature_after_every_step(
    world: World, revisions: list[bytes], count: int
) -> None:
    reader = PdfFileReader(BytesIO(revisions[count]))
    signatures = reader.embedded_regular_signatures
    assert [signature.field_name for signature in signatures] == [role.value for role in Role][:count]
    for signature in signatures:
        status = validate_pdf_signature(signature, context(world), context(world))
        assert status.intact, status
        assert status.valid, status
        assert status.trusted, status
        assert status.docmdp_ok, status
        assert status.bottom_line, status
        assert status.coverage in (
            SignatureCoverageLevel.ENTIRE_REVISION,
            SignatureCoverageLevel.ENTIRE_FILE,
        )
        assert status.modification_level in (
            ModificationLevel.NONE,
            ModificationLevel.LTA_UPDATES,
            ModificationLevel.FORM_FILLING,
        )
        assert status.timestamp_validity is not None
        assert status.timestamp_validity.trusted
        assert status.timestamp_validity.timestamp == T0
    if count < 4:
        assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE


def test_document_timestamp_covers_the_completed_file(world: World, revisions: list[bytes]) -> None:
    (stamp,) = PdfFileReader(BytesIO(revisions[-1])).embedded_timestamp_signatures
    status = validate_pdf_timestamp(stamp, context(world))
    assert status.intact
    assert status.valid
    assert status.trusted
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert stamp.field_name == "timestamp-1"
    assert stamp.sig_field["/F"] == 132  # printed and locked, not hidden: PDF/A 6.3.2


@pytest.mark.parametrize("count", range(1, 5), ids=STEPS)
def test_poppler_finds_every_signature_valid(revisions: list[bytes], count: int, tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.write_bytes(revisions[count])
    said = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, check=False).stdout
    assert said.count("Signature Validation: Signature is Valid.") == min(count, 3)
    assert "Total document signed" in said


@pytest.mark.parametrize("count", range(1, 5), ids=STEPS)
def test_qpdf_finds_nothing_to_repair(revisions: list[bytes], count: int, tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.write_bytes(revisions[count])
    done = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def test_every_revision_starts_with_the_one_before(revisions: list[bytes]) -> None:
    for head, longer in itertools.pairwise(revisions):
        assert longer.startswith(head)
        assert len(head) < len(longer)


def test_office_certifies_and_each_field_locks_what_its_lock_says(revisions: list[bytes]) -> None:
    office, cadre, leader = PdfFileReader(BytesIO(revisions[3])).embedded_regular_signatures
    assert office.docmdp_level is MDPPerm.FILL_FORMS
    assert cadre.docmdp_level is None
    assert [signature.fieldmdp.action for signature in (office, cadre, leader)] == [
        FieldMDPAction.EXCLUDE,
        FieldMDPAction.EXCLUDE,
        FieldMDPAction.ALL,
    ]
    assert office.fieldmdp.fields == ["cadre", "leader"]


def test_signature_dictionary_and_metadata_are_as_pades_wants(revisions: list[bytes]) -> None:
    reader = PdfFileReader(BytesIO(revisions[-1]))
    signature = reader.embedded_regular_signatures[1]
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.sig_object["/M"] == "D:20261124103000+08'00'"
    assert signature.sig_object["/Name"] == "林晓东"
    assert reader.root["/Extensions"]["/ESIC"]["/ExtensionLevel"] == 1
    types = [item["type"].native for item in signature.signer_info["signed_attrs"]]
    assert "signing_time" not in types
    info = reader.trailer["/Info"]
    assert "pyHanko" not in str(info.get("/Producer"))


def test_contents_are_lower_case_exact_der_padded_with_zeros(revisions: list[bytes]) -> None:
    found = CONTENTS.findall(revisions[-1])
    assert len(found) == 4
    for text, *_ in found:
        assert re.fullmatch(rb"[0-9a-f]+", text)
        raw = bytes.fromhex(text.decode())
        size = 4 + int.from_bytes(raw[2:4])
        assert raw[:2] == b"\x30\x82"
        assert not any(raw[size:])
        der.require_der(raw[:size])


def test_validation_data_is_in_the_file_and_has_no_vri(world: World, revisions: list[bytes]) -> None:
    reader = PdfFileReader(BytesIO(revisions[-1]))
    store = DocumentSecurityStore.read_dss(reader)
    certificates = {certificate.dump() for certificate in store.load_certs()}
    parties = {party.certificate for party in world.parties.values()}
    assert certificates == {world.issuing, world.time_ca, world.tsa, *parties}
    assert len(store.crls) == 2
    assert not store.vri_entries


def test_the_bound_on_the_container_holds_and_is_not_wasteful(world: World, letter: bytes) -> None:
    signed = conftest.approve(world, letter, Role.OFFICE)
    party = world.parties[Role.OFFICE]
    token = containers.timestamp(signed.signature, world.stamper())
    made = containers.container(signed.attributes, signed.signature, party.certificate, world.chain, token)
    bound = containers.largest(signed.attributes, party.certificate, world.chain, len(token))
    assert len(made) <= bound <= len(made) + 250
    assert len(token) <= containers.TOKEN_BYTES


@pytest.mark.parametrize("name", ["seal.pem", "tsa.pem", "sm2/seal.pem"])
def test_the_signing_certificate_attribute_is_pyhankos(name: str) -> None:
    der = pem.unarmor((ROOT / "keys_example" / name).read_bytes())[2]
    theirs = as_signing_certificate_v2(x509.Certificate.load(der), containers.suite_of(der).digest)
    assert containers._signing_certificate(der) == theirs.dump()


def test_bytes_are_the_same_in_another_process_with_another_hash_seed(
    revisions: list[bytes], tmp_path: Path
) -> None:
    program = (
        "import hashlib, runpy, sys; made = runpy.run_path(sys.argv[1]); "
        "steps = made['whole_ceremony'](made['make_world'](), open(sys.argv[2], 'rb').read()); "
        "print(*(hashlib.sha256(step).hexdigest() for step in steps))"
    )
    draft = tmp_path / "draft.pdf"
    draft.write_bytes(revisions[0])
    said = subprocess.run(
        [sys.executable, "-c", program, conftest.__file__, draft],
        env={**os.environ, "PYTHONHASHSEED": "4711", "TZ": "America/New_York"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.split() == [hashlib.sha256(step).hexdigest() for step in revisions]


def test_another_time_name_or_picture_gives_another_revision(letter: bytes) -> None:
    def make(**change: Any) -> bytes:
        values = {"signer_name": "甲", "when": T0, **change}
        return ceremony.prepare(letter, Role.OFFICE, values.pop("picture", DOT), **values).pdf

    other = replace(DOT, content=b"1 0 0 rg 0 0 9 9 re f\n")
    made = {make(), make(signer_name="乙"), make(when=T0 + timedelta(seconds=1)), make(picture=other)}
    assert len(made) == 4
    assert make() in made


@pytest.mark.parametrize(
    ("count", "role"),
    [(0, Role.CADRE), (0, Role.LEADER), (1, Role.LEADER)],
)
def test_nobody_signs_before_their_turn(revisions: list[bytes], count: int, role: Role) -> None:
    with pytest.raises(ConflictError, match="尚未签名"):
        ceremony.prepare(revisions[count], role, DOT, signer_name="甲", when=T0)


def test_nobody_signs_twice(revisions: list[bytes]) -> None:
    for count, role in ((1, Role.OFFICE), (2, Role.CADRE), (3, Role.LEADER), (3, Role.OFFICE)):
        with pytest.raises(ConflictError, match="已经签过名"):
            ceremony.prepare(revisions[count], role, DOT, signer_name="甲", when=T0)


def test_nobody_signs_a_completed_letter() -> None:
    world = conftest.make_world()
    short = conftest.make_letter(("office", "cadre"))
    head = conftest.sign(world, conftest.sign(world, short, Role.OFFICE), Role.CADRE)
    with pytest.raises(InputError, match="监督方"):
        ceremony.prepare(head, Role.LEADER, DOT, signer_name="甲", when=T0)
    completed = conftest.complete(world, head)
    with pytest.raises(ConflictError):
        ceremony.prepare(completed, Role.CADRE, DOT, signer_name="甲", when=T0)


def test_a_letter_is_not_completed_before_all_have_signed(world: World, revisions: list[bytes]) -> None:
    for count in range(3):
        with pytest.raises(ConflictError, match="尚未签名"):
            conftest.complete(world, revisions[count])


@pytest.mark.parametrize(
    "damage",
    [
        lambda pdf: b"",
        lambda pdf: b"%PDF-1.7\n%%EOF\n",
        lambda pdf: pdf[:-20],
        lambda pdf: pdf[: len(pdf) // 2],
        lambda pdf: pdf + b"\n% more",
    ],
)
def test_a_broken_head_is_refused(revisions: list[bytes], damage: Any) -> None:
    with pytest.raises(InputError):
        ceremony.prepare(damage(revisions[1]), Role.CADRE, DOT, signer_name="甲", when=T0)


def test_a_signature_that_does_not_cover_its_revision_is_refused(revisions: list[bytes]) -> None:
    moved = re.sub(
        rb"/ByteRange \[0 (\d+)", lambda found: found[0][:-1] + bytes([found[0][-1] ^ 1]), revisions[1]
    )
    with pytest.raises(InputError, match="不完整"):
        ceremony.prepare(moved, Role.CADRE, DOT, signer_name="甲", when=T0)


def test_an_altered_prepared_revision_is_refused(world: World, revisions: list[bytes]) -> None:
    signed = conftest.approve(world, revisions[1], Role.CADRE)
    pdf = signed.prepared.pdf
    start, end = signed.prepared.hole
    changed = [
        pdf[: start - 40] + b"X" + pdf[start - 39 :],
        pdf[:-3] + b"X" + pdf[-2:],
        pdf + b"\n",
        pdf[: start + 1] + b"1" + pdf[start + 2 :],
    ]
    for bad in changed:
        with pytest.raises(CorruptError):
            conftest.finish(world, replace(signed, prepared=replace(signed.prepared, pdf=bad)), Role.CADRE)
    for hole in ((start, end - 2), (start - 2, end), (0, end), (start, len(pdf) + 9)):
        with pytest.raises(CorruptError):
            conftest.finish(world, replace(signed, prepared=replace(signed.prepared, hole=hole)), Role.CADRE)


def test_altered_bytes_with_a_matching_digest_do_not_match_what_was_signed(
    world: World, revisions: list[bytes]
) -> None:
    signed = conftest.approve(world, revisions[1], Role.CADRE)
    kept, name, rest = signed.prepared.pdf.rpartition(b"/Adobe.PPKLite")
    pdf = kept + name.lower() + rest
    forged = replace(signed.prepared, pdf=pdf, digest=revision.digest(pdf, signed.prepared.hole))
    with pytest.raises(VerificationError, match="不一致"):
        conftest.finish(world, replace(signed, prepared=forged), Role.CADRE)


def test_a_prepared_revision_of_another_head_is_refused(world: World, revisions: list[bytes]) -> None:
    signed = conftest.approve(world, revisions[1], Role.CADRE)
    with pytest.raises(CorruptError, match="不是当前版本的延续"):
        conftest.finish(world, replace(signed, head=revisions[2]), Role.CADRE)


def test_another_persons_signature_is_refused(world: World, revisions: list[bytes]) -> None:
    signed = conftest.approve(world, revisions[1], Role.CADRE)
    other = world.parties[Role.LEADER]
    with pytest.raises(VerificationError, match="与证书不符"):
        conftest.finish(world, replace(signed, signature=other.signer.sign(signed.attributes)), Role.CADRE)
    with pytest.raises(VerificationError, match="不一致"):  # the attributes name the cadre's certificate
        conftest.finish(world, signed, Role.LEADER)


def test_attributes_that_say_more_or_less_are_refused(world: World, revisions: list[bytes]) -> None:
    signed = conftest.approve(world, revisions[1], Role.CADRE)
    party = world.parties[Role.CADRE]
    parsed = cms.CMSAttributes.load(signed.attributes)
    fewer = cms.CMSAttributes([item for item in parsed if item["type"].native != "content_type"]).dump()
    for bad in (fewer, b"", b"\x31\x00", signed.attributes + b"\x00"):
        forged = replace(signed, attributes=bad, signature=party.signer.sign(bad))
        with pytest.raises(VerificationError):
            conftest.finish(world, forged, Role.CADRE)


class Mute(TimeStamper):
    """A time-stamping service that does not answer."""

    async def async_request_tsa_response(self, req: Any) -> Any:
        raise OSError("no route")


class Stale(TimeStamper):
    """A time-stamping service that answers with an old token."""

    def __init__(self, token: cms.ContentInfo) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = token

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        return self.token


def test_without_a_timestamp_the_step_waits(world: World, letter: bytes) -> None:
    signed = conftest.approve(world, letter, Role.OFFICE)
    party = world.parties[Role.OFFICE]
    rest = (signed.attributes, signed.signature, party.certificate, world.chain)
    with pytest.raises(SetupError, match="E-SIG-030"):
        ceremony.stamp(signed.prepared, letter, *rest, Mute())  # type: ignore[no-untyped-call]
    old = cms.ContentInfo.load(containers.timestamp(b"another signature", world.stamper()))
    with pytest.raises(VerificationError, match="E-SIG-031"):
        ceremony.stamp(signed.prepared, letter, *rest, Stale(old))
