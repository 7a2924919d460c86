"""Anchors: RFC 3161 timestamps over kept checkpoints, renewed before their certificate ends.

`kept/<size>.tsr` is the response over the note's text (what the log signs, without the signature lines, which may still
grow). Each renewal, `.tsr.2` and on, is over that text followed by every response before it: the oldest proof is
carried by the newest. https://www.rfc-editor.org/rfc/rfc3161
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import tsp

from service.archive import durable
from service.archive.kept import KEPT
from service.tlog import note
from service.verification import chain, cms, times
from service.verification.guard import ProofError, hostile
from service.verification.policy import algorithm_ends
from service.verification.times import Material, Moment
from service.verification.trust import Trust

SUFFIX = ".tsr"
_NAME = re.compile(r"([0-9]{20})\.tsr(?:\.([2-9]|[1-9][0-9]{1,3}))?")
_MOST = 1000  # renewals of one anchor; one every few years


@dataclass(frozen=True, slots=True)
class Judge:
    """Whom an audit trusts for time, and when it judges."""

    trust: Trust
    now: datetime


def is_anchor(name: str) -> bool:
    """Say whether a file of the kept checkpoints is an anchor, by its name."""
    return _NAME.fullmatch(name) is not None


def checkpoint_of(name: str) -> str:
    """Return the name of the checkpoint that the anchor of this name is over."""
    return name.partition(".")[0]


def responses(checkpoint: Path) -> list[bytes]:
    """Return the responses over a kept checkpoint, oldest first."""
    paths = (path_of(checkpoint, number) for number in range(1, _MOST))
    found = []
    for path in paths:
        if not path.exists():
            break
        found.append(durable.read(path, "时间戳"))
    return found


def path_of(checkpoint: Path, number: int) -> Path:
    """Return where the anchor of this number stands, 1 being the first."""
    return checkpoint.with_name(checkpoint.name + SUFFIX + (f".{number}" if number > 1 else ""))


def covered(signed: bytes, earlier: Sequence[bytes]) -> bytes:
    """Return what a further timestamp is over: the note's text and every response before."""
    text, _ = note.parse_note(signed)
    return text.encode() + b"".join(earlier)


def keep(checkpoint: Path, response: bytes) -> Path:
    """Keep `response` as the next anchor of a kept checkpoint; raise ProofError unless it is over what it should be."""
    before = responses(checkpoint)
    token = read(response)
    cms.require_digest(token.imprint_name, token.imprint, covered(checkpoint.read_bytes(), before))
    path = path_of(checkpoint, len(before) + 1)
    durable.write_once(path, response)
    durable.sync_folders([path.parent])
    return path


def read(response: bytes) -> cms.Token:
    """Return the token of a timestamp response; raise ProofError for a refusal or anything else."""
    with hostile("CMS_MALFORMED"):
        parsed = tsp.TimeStampResp.load(response, strict=True)
        if parsed["status"]["status"].native not in ("granted", "granted_with_mods"):
            raise ProofError("TIME_TOKEN_BROKEN", "the authority refused")
        token = parsed["time_stamp_token"].dump()
    return cms.read_token(token, canonical=False)


def ends(response: bytes) -> datetime:
    """Return when the certificate of the authority ends that gave this response."""
    return chain.load(read(response).signed.certificate).not_after


def faults(signed: bytes, stamps: Sequence[bytes], judge: Judge | None) -> Iterator[tuple[int, str]]:
    """Yield (number, why) of each response that does not hold; authorities are judged only with a `judge`.

    An earlier response is judged at the time that the next one proves for it, the newest one now.
    """
    tokens: list[cms.Token | None] = []
    for number, stamp in enumerate(stamps, 1):
        try:
            token = read(stamp)
            cms.require_digest(token.imprint_name, token.imprint, covered(signed, stamps[: number - 1]))
        except ProofError as fault:
            yield number, fault.code
            tokens.append(None)
        else:
            tokens.append(token)
    if judge is not None:
        yield from _untrusted(signed, stamps, tokens, judge)


def _untrusted(
    signed: bytes, stamps: Sequence[bytes], tokens: Sequence[cms.Token | None], judge: Judge
) -> Iterator[tuple[int, str]]:
    trust = judge.trust
    material = Material(trust.anchors, (), trust.crls, algorithm_ends(trust.algorithms), trust.certificates)
    moment = Moment(judge.now, proven=False)
    for number in range(len(tokens), 0, -1):
        token = tokens[number - 1]
        if token is None:
            continue
        try:
            times.require_token(token, covered(signed, stamps[: number - 1]), moment, judge.now, material)
        except ProofError as fault:
            yield number, fault.code
        else:
            moment = Moment(token.time, proven=True)


def anchored(folder: Path) -> list[Path]:
    """Return the kept checkpoints below an archive folder that have an anchor, oldest first."""
    return sorted(path.with_suffix("") for path in (folder / KEPT).glob(f"*{SUFFIX}") if is_anchor(path.name))
