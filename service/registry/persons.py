"""Persons as letters and the log know them: their pseudonyms, their leaders, who countersigns whose letter."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Sha256Hex, subject_of
from service.db.tables import Cadre, Salt
from service.errors import ConflictError, NotFoundError
from service.registry import query


def subject(session: Session, cadre_id: str) -> Sha256Hex:
    """Return the person's log pseudonym; raise NotFoundError once the salt has been erased."""
    salt = session.get(Salt, cadre_id)
    if salt is None:
        raise NotFoundError("E-REG-404", f"编号为“{cadre_id}”的人员没有登记，或已依法删除个人信息。")
    return subject_of(salt.salt, cadre_id)


def subjects(session: Session, cadre_ids: Sequence[str]) -> dict[str, Sha256Hex]:
    """Return the log pseudonyms of many persons; those erased or unknown are left out."""
    wanted = set(cadre_ids)
    return {
        salt.person: subject_of(salt.salt, salt.person)
        for salt in session.scalars(select(Salt))
        if salt.person in wanted
    }


def leader(session: Session, code: str, on: date) -> Cadre:
    """Return the unit's 食安委主要负责人 (villages: 两委主要负责人); raise NotFoundError when none is set."""
    place = query.unit(session, code, on)
    if place.leader is None:
        raise NotFoundError(
            "E-REG-405", f"{place.name}没有登记主要负责人；请在机构表“主要负责人”一列补填后重新导入。"
        )
    return query.cadre(session, place.leader, on)


def counterpart(session: Session, cadre_id: str, on: date) -> Cadre:
    """Return who countersigns this cadre's commitment: the unit's leader, or for the leader the stand-in.

    Nobody countersigns their own letter: ConflictError where the setting would have it so, NotFoundError
    where leader or stand-in is missing.
    """
    signer = query.cadre(session, cadre_id, on)
    place = query.unit(session, signer.unit, on)
    if place.leader != cadre_id:
        return leader(session, place.code, on)
    if place.stand_in is None:
        raise NotFoundError(
            "E-REG-406",
            f"{place.name}主要负责人本人的承诺书没有监督方；请在机构表“负责人承诺书监督方”一列补填后重新导入。",
        )
    if place.stand_in == cadre_id:
        raise ConflictError(
            "E-REG-407", f"{place.name}主要负责人不能做自己承诺书的监督方；请在机构表另填一位负责人。"
        )
    return query.cadre(session, place.stand_in, on)
