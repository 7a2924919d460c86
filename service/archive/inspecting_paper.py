"""四性检测 of a document signed by hand (纸质签订): the scan is the document, nothing of it an electronic signature.

With it goes the file that was printed, under the office's seal alone. What holds the scan fast is its entry in the log.
"""

import io

from PIL import Image

from service.archive.inspecting_objects import SignedObject
from service.archive.inspection import Dossier, Item, Surroundings, answer
from service.core import Event, FileDigest, parse_entry
from service.errors import ServiceError
from service.verification import structure, verdict
from service.verification.guard import ProofError
from service.verification.report import Report

_JPEG = b"\xff\xd8\xff"


class PaperObject(SignedObject):
    """The checks of a document that was signed on paper, scanned and registered by two persons."""

    steps = (Event.ISSUED, Event.PAPER)
    fixed = "制发件的电子印章、时间戳有效（纸质签订，没有电子签名）"
    whole = "扫描件和制发件齐全"
    format = "扫描件为 PDF 或 JPG，不加密"

    def __init__(self, dossier: Dossier, around: Surroundings) -> None:
        super().__init__(dossier, around)
        self.scan: Report | None = None
        if dossier.file is not None:
            self.scan = verdict.verify(dossier.file, around.trust, around.now, receipt=dossier.receipt)

    def signed(self) -> tuple[bytes | None, bytes | None]:
        """Return what was printed; the receipt speaks of the scan."""
        return self.dossier.issued, None

    def logged(self) -> Report | None:
        """Return the report whose receipt is judged: the scan's."""
        return self.scan

    def _fixed(self) -> list[str]:
        return self._whole() or super()._fixed()

    def _whole(self) -> list[str]:
        return self.lost or ([] if self.dossier.issued is not None else ["缺少制发件"])

    def _process(self) -> list[str]:
        """The chain as of any document; its first entry is of the file that was printed, its last of the scan."""
        if found := super()._process():
            return found
        try:
            entries = [parse_entry(one) for one in self.dossier.entries]
        except ServiceError as exc:
            return [f"过程信息读不出：{exc.message}"]
        issued = next(one.file for one in entries if one.event is Event.ISSUED)
        same = self.dossier.issued is not None and issued == FileDigest.of(self.dossier.issued)
        return [] if same else ["制发件不是当时存证的文件"]

    def _opens(self) -> list[str]:
        if (self.dossier.file or b"").startswith(_JPEG):
            return [] if _opens_as_photo(self.dossier.file or b"") else ["图像打不开"]
        return super()._opens()

    def _pages(self) -> int:
        return 1 if (self.dossier.file or b"").startswith(_JPEG) else super()._pages()

    def _format(self) -> list[str]:
        data = self.dossier.file
        if data is None or data.startswith(_JPEG):
            return self.lost
        try:
            structure.read_document(data)
        except ProofError:
            return ["不是可读的 PDF 或 JPG，或已加密"]
        return []

    def _lasting(self) -> Item:
        return answer("3.4", self.lasts, None, "纸质签订：扫描件以存证日志固化，没有签名可续加时间戳")


def _opens_as_photo(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return False
    return True
