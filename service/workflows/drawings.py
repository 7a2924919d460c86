"""A drawn signature that is kept (留存的手写签名): sealed under its holder's key, released only by the PIN.

Only holders of software keys can keep one: a key that stays on a token or at a signing service seals nothing here.
"""

import json
from collections.abc import Sequence

from sqlalchemy.orm import Session

from service.core import canonical_json, parse_canonical
from service.db.tables import Certificate, Key
from service.errors import CorruptError, ForbiddenError, InputError, NotFoundError
from service.keys import drawing, places
from service.signing import hand
from service.workflows import authority
from service.workflows.parts import Parts

Strokes = Sequence[Sequence[tuple[float, float]]]
STEPS = 100
"""Points are kept in hundredths of the pad's unit."""


def keep(parts: Parts, person: str, pin: str, strokes: Strokes) -> None:
    """Keep a drawing in place of the former one; a wrong PIN counts as it does when signing."""
    points = [[[round(x * STEPS), round(y * STEPS)] for x, y in one] for one in hand.require_drawing(strokes)]
    with parts.sessions.begin() as session:
        certificate = authority.certificate_of(session, person, parts.clock())
        key = _key_of(session, certificate)
        if places.is_elsewhere(key.wrapped):
            raise ForbiddenError("E-SIG-192", "密钥不由本系统保管，不能留存手写签名；请每次签署时签写。")
        name = key.id
    record = authority.count_try(parts, name)
    sealed = drawing.seal(record, pin, parts.pepper(), canonical_json(points), parts.entropy)
    authority.forgive_tries(parts, name)
    with parts.sessions.begin() as session:
        session.get_one(Key, name, with_for_update=True).drawing = sealed


def release(parts: Parts, person: str, pin: str) -> Strokes | None:
    """Return the drawing that a person has kept, None where there is none; raises for a wrong PIN, and counts it."""
    with parts.sessions.begin() as session:
        try:
            certificate = authority.certificate_of(session, person, parts.clock())
        except NotFoundError:
            return None  # nothing can be signed, which preparing tells letter by letter
        key = _key_of(session, certificate)
        name, sealed = key.id, key.drawing
    if sealed is None:
        return None
    record = authority.count_try(parts, name)
    opened = drawing.release(record, pin, parts.pepper(), sealed)
    authority.forgive_tries(parts, name)
    points = parse_canonical(opened)
    if not isinstance(points, list):
        raise CorruptError("E-SIG-165", "保存的手写签名已损坏，请重新签写并保存。")
    return [[(x / STEPS, y / STEPS) for x, y in stroke] for stroke in points]


def forget(parts: Parts, person: str) -> None:
    """Drop the drawing that a person has kept; repeating it is harmless."""
    with parts.sessions.begin() as session:
        certificate = authority.certificate_of(session, person, parts.clock())
        _key_of(session, certificate).drawing = None


def read_strokes(data: bytes) -> Strokes:
    """Return the point lists of a signature pad from JSON: [[[x, y], …], …], y down; raise InputError E-SIG-200."""
    try:
        value = json.loads(data)
        return [[(float(x), float(y)) for x, y in stroke] for stroke in value]
    except (ValueError, TypeError, RecursionError) as exc:
        raise InputError(
            "E-SIG-200", "手写签名文件应为 JSON 笔画列表：[[[x, y], …], …]，每笔一列点，y 向下。"
        ) from exc


def _key_of(session: Session, certificate: Certificate) -> Key:
    return session.get_one(Key, certificate.key)
