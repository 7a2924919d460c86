"""Receipts as they are handed out: cosigned as the witness policy asks, where that has been reached."""

from dataclasses import replace

from service.archive import origins
from service.archive.folder import LogFolder
from service.archive.kept import KeptCheckpoints
from service.db.tables import LogHead
from service.errors import NotFoundError
from service.tlog import note
from service.workflows import witnessing
from service.workflows.parts import Parts


def receipt(parts: Parts, log: LogHead, index: int) -> bytes:
    """Return the receipt of an entry of `log`, be it ours or one that ended before it.

    Its checkpoint is the first that enough witnesses have cosigned; while there is none (a witness that is down blocks
    nothing) it is the newest, signed by the log alone.
    """
    folder = _folder(parts, log)
    cosigners, quorum = witnessing.policy(parts)
    head = KeptCheckpoints(folder).covering(index, cosigners, max(quorum, 1)) if cosigners else None
    try:
        return folder.receipt(index, head)
    except NotFoundError:  # committed, and whoever did it is about to publish it
        parts.log.publish()
        return folder.receipt(index, head)


def _folder(parts: Parts, log: LogHead) -> LogFolder:
    own = note.Verifier.parse(parts.log.vkey)
    if log.origin == own.name:
        return parts.log.folder
    vkey = replace(own, name=log.origin).vkey  # the same key under the name of then
    return origins.past(parts.settings.archive, log.origin, log.size, vkey)
