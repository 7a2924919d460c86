"""A second parser reads the file: qpdf must need no repair (https://qpdf.readthedocs.io).

What one program repairs, another may repair differently; then two people see two documents.
"""

import re
from io import BytesIO

import pikepdf

from service.verification.guard import ProofError, hostile

_ADDRESS = re.compile(r"stream <[^>]*>,? ?")  # pikepdf names the source by its place in memory


def require_no_repair(data: bytes, pages: int | None = None) -> None:
    """Raise ProofError if qpdf has to repair or warn, or counts other pages than the first parser did."""
    with hostile("PARSER_REPAIR"), pikepdf.open(BytesIO(data), attempt_recovery=False) as pdf:
        counted, warnings = len(pdf.pages), pdf.get_warnings()
    if warnings:
        raise ProofError("PARSER_REPAIR", _ADDRESS.sub("", str(warnings[0]))[:200])
    if pages is not None and counted != pages:
        raise ProofError("PARSER_REPAIR", f"{counted} pages instead of {pages}")
