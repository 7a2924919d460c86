"""Compare our verdict on every published vector with pyHanko's own and pdfsig's: the table in docs/verification.md.

`python scripts/compare_verdicts.py` rewrites the table. The exit code is 1 if pyHanko alone accepts a vector that must
be valid and we do not. A program accepts a file if there is a signature and it finds every one of them good.
"""

import io
import json
import logging
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from asn1crypto import crl, ocsp, x509  # noqa: E402
from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: E402
from pyhanko.sign.validation import validate_pdf_signature  # noqa: E402
from pyhanko_certvalidator import ValidationContext  # noqa: E402

from service.clock import parse_utc  # noqa: E402
from service.verification.trust import Trust, trust_of_certificates  # noqa: E402
from service.verification.verdict import verify  # noqa: E402

VECTORS = ROOT / "tests" / "vectors" / "verification"
DOCUMENT = ROOT / "docs" / "verification.md"
BEGIN, END = "<!-- verdicts: begin -->\n", "<!-- verdicts: end -->\n"
WHY = {
    "letters_good": "plain pyHanko does not follow the renewal of timestamps; pdfsig reads "
    "the signature value alone.",
    "letters_in_time": "pdfsig looks at no revocation and no validity; tolerant pyHanko asks "
    "for revocation only where a certificate names a source, and ours name none.",
    "strangers_good": "plain pyHanko does not judge a signature whose certificate has expired at the "
    "time a document timestamp proves.",
    "incremental_saving": "pyHanko follows the cross-reference and cannot see what a scanning viewer will show; pdfsig "
    "says only that the signed part is intact.",
    "cross_references": "bytes that no cross-reference names, and what follows the end, are not what they check.",
    "universal_forgery": "pyHanko raises an exception for most of these; here we and pdfsig give a verdict.",
    "signature_wrapping": "pyHanko accepts a field that an update points at a copy of the "
    "signature; two fields or a copy are never one signature to us.",
    "shadow": "pyHanko and we refuse all; pdfsig reads the signature value alone.",
    "certified": "a new signature field over signed text is form filling to pyHanko; we look at what it covers.",
    "chains": "pdfsig is asked about no trust; tolerant pyHanko passes unknown "
    "revocation and does not mind a web server's certificate.",
    "messages": "pyHanko tolerates surplus in the CMS, padding and mixed case; in our letters nothing may be added.",
    "timestamps": "pdfsig and plain pyHanko judge the signatures and let a document "
    "timestamp be what it is; ours must prove time.",
    "wrong_people": "neither knows who was to sign; we read it from the certified content.",
    "receipts": "neither knows receipts.",
    "sm2_letters": "neither knows SM2 or SM3 as it comes; pyHanko does with its public hook "
    "(tests/verification/test_sm2_letters.py), PDFBox with Bouncy Castle does (make conformance).",
    "sm2_vendors": "neither sees a signature in such a file, or says that it knows no such kind.",
    "everyday": "neither tells an everyday copy from a forgery; we name what to do.",
}
Judgement = tuple[str, str]  # accepted, refused or an exception's name, for one of the others; and a remark


def main() -> int:
    """Judge every vector three times and rewrite the table."""
    logging.disable(logging.CRITICAL)
    manifest = json.loads((VECTORS / "manifest.json").read_text("utf-8"))
    text, fewer = "", []
    for family in manifest["families"]:
        rows = [judge(row, manifest["trust"]) for row in family["vectors"]]
        fewer += [name for name, ours, his, _, must in rows if must == "valid" != ours and his == "accepts"]
        text += summary(family, rows)
    head = (
        "| family | vectors | ours | pyHanko 0.38 | pdfsig | only pyHanko accepts | only we accept | why |\n"
    )
    head += "|---|---|---|---|---|---|---|---|\n"
    verdict = ", ".join(f"`{one}`" for one in fewer) or "none"
    tail = f"\nVectors that must be `valid`, that pyHanko accepts and we do not: {verdict}.\n"
    document = DOCUMENT.read_text("utf-8")
    before, _, rest = document.partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + head + text + tail + END + rest.partition(END)[2], "utf-8")
    print(f"good vectors that pyHanko accepts and we do not: {verdict}")
    return 1 if fewer else 0


def judge(row: dict[str, Any], trusts: dict[str, str]) -> tuple[str, str, str, str, str]:
    """Return name, our verdict, pyHanko's, pdfsig's and the required verdict of one vector."""
    path = VECTORS / row["file"]
    data, trust, now = path.read_bytes(), trust_of(VECTORS / trusts[row["trust"]]), parse_utc(row["now"])
    receipt = (VECTORS / row["receipt"]).read_bytes() if row["receipt"] else None
    ours = verify(data, trust, now, receipt=receipt).verdict.value
    return row["name"], ours, by_pyhanko(data, trust, now), by_pdfsig(path), row["require"]["verdict"]


def trust_of(path: Path) -> Trust:
    """Return the trust that a file of the vectors holds."""
    if path.suffix == ".empty":
        return Trust()
    data = path.read_bytes()
    return trust_of_certificates(data) if path.suffix == ".der" else Trust.read_bundle(data)


def by_pyhanko(data: bytes, trust: Trust, now: datetime) -> str:
    """Return what pyHanko says by its plain validation."""
    try:
        found = PdfFileReader(io.BytesIO(data)).embedded_regular_signatures
        if found and all(_holds(data, at, trust, now) for at in range(len(found))):
            return "accepts"
    except Exception as exc:  # what it raises is what we measure
        return f"raises {type(exc).__name__}"
    return "refuses"


def _holds(data: bytes, at: int, trust: Trust, now: datetime) -> bool:
    def signature() -> Any:
        return PdfFileReader(io.BytesIO(data)).embedded_regular_signatures[at]

    def settings() -> dict[str, Any]:
        return {
            "trust_roots": [x509.Certificate.load(one.certificate) for one in trust.anchors],
            "crls": [crl.CertificateList.load(one) for one in trust.crls if _is_list(one)],
            "ocsps": [ocsp.OCSPResponse.load(one) for one in trust.crls if not _is_list(one)],
            "moment": now, "allow_fetching": False, "revocation_mode": "soft-fail",
        }  # fmt: skip

    return bool(validate_pdf_signature(signature(), ValidationContext(**settings())).bottom_line)


def _is_list(data: bytes) -> bool:
    try:
        return bool(crl.CertificateList.load(data)["tbs_cert_list"]["issuer"].native)
    except (ValueError, TypeError, KeyError):
        return False


def by_pdfsig(path: Path) -> str:
    """Return whether pdfsig calls every signature valid; it is asked about no certificate."""
    done = subprocess.run(
        ["pdfsig", "-nocert", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        errors="replace",
    )
    said = [line for line in done.stdout.splitlines() if "Signature Validation:" in line]
    return "accepts" if said and all("Signature is Valid" in line for line in said) else "refuses"


def summary(family: dict[str, Any], rows: list[tuple[str, str, str, str, str]]) -> str:
    """Return the family's row of the table."""
    ours, his, theirs = (
        ", ".join(f"{count} {what}" for what, count in sorted(Counter(row[at] for row in rows).items()))
        for at in (1, 2, 3)
    )
    softer = "<br>".join(f"`{row[0]}`" for row in rows if row[2] == "accepts" and row[1] != "valid")
    harder = "<br>".join(f"`{row[0]}`" for row in rows if row[2] != "accepts" and row[1] == "valid")
    cells = (family["id"], str(len(rows)), ours, his, theirs, softer, harder, WHY.get(family["id"], ""))
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    sys.exit(main())
