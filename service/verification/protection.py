"""How long the proofs of a finished letter last: what its newest document timestamp rests on (EN 319 142-1, 5.5).

Nothing is judged here: it is for whoever keeps files, and has found this one valid, to know when to renew it.
"""

from dataclasses import dataclass
from datetime import datetime

from service.clock import format_utc, parse_utc
from service.core import Json
from service.errors import VerificationError
from service.verification import chain, cms, dss, structure
from service.verification.guard import ProofError
from service.verification.policy import Ends
from service.verification.trust import Anchor


@dataclass(frozen=True, slots=True)
class Protection:
    """Until when the certificates of a document timestamp last, and the algorithms it was made with."""

    until: datetime
    algorithms: tuple[str, ...]
    issuers: tuple[bytes, ...]

    def ends(self, table: Ends) -> datetime:
        """Return when it weakens: its first certificate expires, or an algorithm ends as the table has it now."""
        known = [end for name in self.algorithms if (end := table.get(name)) is not None]
        return min([self.until, *known])

    def to_json(self) -> Json:
        """Return what is kept with a revision."""
        return {"until": format_utc(self.until), "algorithms": list(self.algorithms)}

    @classmethod
    def of_json(cls, value: Json) -> "Protection":
        """Return what was kept with a revision, without its issuers."""
        return cls(parse_utc(value["until"]), tuple(value["algorithms"]), ())


def newest(data: bytes, anchors: tuple[Anchor, ...]) -> Protection:
    """Return what the last document timestamp of `data` rests on; raise VerificationError where there is none."""
    try:
        document = structure.read_document(data)
        stamps = [one for one in document.signatures if one.is_timestamp]
        token = cms.read_token(stamps[-1].contents, canonical=True)
        pool = [*token.signed.others, *dss.read(document).certificates]
        path = chain.build(token.signed.certificate, pool, anchors, "time")
    except (ProofError, IndexError) as exc:
        raise VerificationError("E-SIG-210", "文书没有可用的文档时间戳，不能续期；请先核查文书。") from exc
    names = token.signed.algorithms | {token.imprint_name} | path.algorithms
    links = [
        chain.load(der) for der in dict.fromkeys([*(one.der for one in path.links), path.anchor.certificate])
    ]
    return Protection(
        min(one.not_after for one in links), tuple(sorted(names)), tuple(one.subject for one in links[1:])
    )


def subject(certificate: bytes) -> bytes:
    """Return the name (DER) under which a certificate's lists are issued."""
    return chain.load(certificate).subject
