"""Evidence packages (证据包): everything an outsider needs about filed documents, gathered at one moment."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from asn1crypto import pem

from service.archive import anchors, evidence, evidence_readme
from service.archive.inspection import Dossier
from service.clock import format_utc
from service.core import canonical_json, sha256_hex
from service.errors import InputError
from service.keys import suites
from service.tlog import proof
from service.verification import cms, dss, structure, verdict
from service.verification.trust import Trust
from service.workflows import authority, filing, trust
from service.workflows.parts import Parts


def package(parts: Parts, letter_ids: Sequence[str], now: datetime) -> bytes:
    """Return the package of these filed letters as of `now`; the same archive and moment give the same bytes."""
    if not letter_ids:
        raise InputError("E-SYS-245", "没有已归档的文书可以打包，请先运行 liangze archive file。")
    found = filing.dossiers(parts, letter_ids)
    lost = [str(one.metadata["number"]) for one in found if not _is_whole(one)]
    if lost:
        raise InputError("E-SYS-246", f"{'、'.join(lost[:5])} 的原件或回执读不出，不能打包，请先核查档案。")
    with parts.sessions.begin() as session:
        known = authority.trust(parts, session, now)
    files: dict[str, bytes] = {}
    for one in found:
        evidence.add(files, one)
        _report(files, one, known, now)
        _signatures(files, one)
        _anchor(files, parts, one)
    _common(files, parts, known, now)
    paper = sum(one.is_paper for one in found)
    files[evidence.README] = evidence_readme.text(len(found), format_utc(now), _remarks(files), paper)
    return evidence.build(files, len(found))


def _is_whole(one: Dossier) -> bool:
    return not (one.file is None or one.receipt is None or (one.is_paper and one.issued is None))


def _signed(one: Dossier) -> bytes:
    """Return the signed PDF of a document: of one on paper, what was printed under the seal."""
    return (one.issued if one.is_paper else one.file) or b""


def _remarks(files: dict[str, bytes]) -> str:
    """Return what other programs must know of the algorithms of the certificates in the package."""
    ders = [pem.unarmor(data)[2] for name, data in files.items() if name.startswith("certificates/")]
    found = [suites.of_certificate(der) for der in ders]
    return "".join(dict.fromkeys(one.remark for one in found if one is not None))


def _report(files: dict[str, bytes], one: Dossier, known: Trust, now: datetime) -> None:
    name = str(one.metadata["code"])
    file = f"{evidence.ISSUED if one.is_paper else evidence.DOCUMENTS}/{name}.pdf"
    receipt = None if one.is_paper else one.receipt  # a scan's receipt speaks of the scan
    report = verdict.verify(_signed(one), known, now, receipt=receipt, file=file)
    files[f"reports/{name}.json"] = canonical_json(report.to_json())


def _signatures(files: dict[str, bytes], one: Dossier) -> None:
    """Take certificates, CRLs and timestamps out of the document, for programs that don't read PDF."""
    name = str(one.metadata["code"])
    document = structure.read_document(_signed(one))
    store = dss.read(document)
    for der in store.certificates:
        files[f"certificates/{sha256_hex(der)[:16]}.pem"] = pem.armor("CERTIFICATE", der)
    for der in store.crls:
        files[f"crls/{sha256_hex(der)[:16]}.crl"] = der
    lines = files.get("timestamps/digests.txt", b"").decode()
    for signature in document.signatures:
        token = signature.contents
        if not signature.is_timestamp:
            token = cms.read_signature(signature.contents, canonical=True, pades=True).token or b""
        if token:
            files[f"timestamps/{name}.{signature.field}.tst"] = token
            parsed = cms.read_token(token, canonical=True)
            lines += f"{name}.{signature.field}.tst {parsed.imprint_name} {parsed.imprint.hex()}\n"
    files["timestamps/digests.txt"] = lines.encode()


def _anchor(files: dict[str, bytes], parts: Parts, one: Dossier) -> None:
    """Add the first anchored checkpoint that covers the document's entry, with a receipt against it."""
    index = proof.parse_proof(one.receipt or b"").index
    for path in anchors.anchored(parts.settings.archive):
        if int(path.name) > index:
            head = parts.log.kept.read(int(path.name))
            size = str(head.checkpoint.size)
            files[f"anchors/{size}"] = head.signed
            for number, stamp in enumerate(anchors.responses(path), 1):
                files[anchors.path_of(Path("anchors") / size, number).as_posix()] = stamp
            receipt = parts.log.receipt(index, head)
            files[f"anchors/{one.metadata['code']}{evidence.PROOF}"] = receipt
            return


def _common(files: dict[str, bytes], parts: Parts, known: Trust, now: datetime) -> None:
    with parts.sessions.begin() as session:
        for name, der in authority.root_files(session).items():
            files[f"certificates/{name}.pem"] = pem.armor("CERTIFICATE", der)
    for der in known.crls:
        files[f"crls/{sha256_hex(der)[:16]}.crl"] = der
    head = parts.log.published()
    files["log/checkpoint"] = head.signed if head else b""
    files["log/log.vkey"] = f"{parts.log.vkey}\n".encode()
    if known.witnesses:
        files["log/witnesses.vkey"] = "".join(f"{one}\n" for one in known.witnesses).encode()
    files["trust/bundle.json"] = trust.bundle(parts, now)
    files["trust/trust.vkey"] = f"{trust.trust_vkey(parts)}\n".encode()
