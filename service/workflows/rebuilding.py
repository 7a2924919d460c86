"""A deployment made anew from archive folder and keys, after its database was lost and no backup is left.

What the log and the store have comes back: every entry, every receipt, every letter's file, the certificates. What only
the database had is gone: the registry, salts (who a pseudonym is), wrapped keys, what was under way. Revocations come
from the newest published list; without it no certificate is vouched for.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from asn1crypto import crl
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.archive import completeness, durable, rebuild
from service.archive.completeness import IN_FORCE
from service.archive.folder import CHECKPOINT, Head, LogFolder
from service.archive.store import Store
from service.clock import Clock
from service.core import Event, parse_entry, sha256_hex
from service.db import schema
from service.db.engine import open_engine, sessions_of
from service.db.tables import Certificate, Crl, LogEntry, LogHead
from service.errors import ConflictError, InputError, NotFoundError
from service.settings import Settings
from service.signing import profile
from service.tlog import note
from service.tlog.checkpoint import parse_checkpoint
from service.verification import revocation
from service.verification.guard import ProofError
from service.workflows import enrolment, generations, receipts, setup
from service.workflows.parts import Parts


def rebuild_deployment(settings: Settings, clock: Clock, crls: Sequence[bytes]) -> Head:
    """Make the database from archive folder, store and keys; return the head. The log stays held until reconciled.

    Raises ConflictError where the database has a log already, CorruptError where the folder does not give its heads.
    """
    signer = setup.load_signers(settings)["log"]
    own = generations.files(settings)
    text, _ = note.parse_note(durable.read(settings.archive / CHECKPOINT, "检查点"))
    key = note.Verifier.of(parse_checkpoint(text).origin, signer.public_key)
    log = LogFolder(settings.archive, key)
    head = log.shown()
    if head is None:
        raise NotFoundError("E-SYS-169", f"文件夹中没有存证日志：{settings.archive}")
    engine = open_engine(settings.database)
    schema.migrate(engine)
    sessions, now = sessions_of(engine), clock()
    with sessions.begin() as session:
        if setup.read_setting(session, setup.MARK):
            raise ConflictError("E-SYS-167", "数据库还在，不能再由档案文件夹重建。")
        logs = completeness.lineage(log, key, head.checkpoint)
        for place, (one, shown) in enumerate(logs):  # the order of their times is the order of the logs
            then = now - timedelta(seconds=len(logs) - 1 - place)
            vkey = note.Verifier(shown.origin, key.public_key).vkey
            rebuild.read_log(session, one.path, vkey, then)
        setup.record_again(session, settings, key.name)
        for ours in own:
            session.add(enrolment.certificate_row(ours.der, ours.use, issuer=ours.issuer))
        authorities = [ours.der for ours in own if ours.issuer is None]
        _certificates(session, setup.stores(settings)[0], authorities, crls)
        setup.finish(session)
    settings.work.mkdir(exist_ok=True)
    engine.dispose()
    return head


def export(parts: Parts, folder: Path) -> int:
    """Write each letter in force with its receipt into `folder`, named by its id, and return how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    newest: dict[str, tuple[LogEntry, LogHead]] = {}
    with parts.sessions.begin() as session:
        rows = (
            select(LogEntry, LogHead)
            .join(LogHead, LogHead.origin == LogEntry.origin)
            .order_by(LogHead.time, LogEntry.index)
        )
        for row, head in session.execute(rows):
            newest[row.id] = (row, head)
        session.expunge_all()
    count = 0
    for row, head in newest.values():
        entry = parse_entry(row.entry)
        if entry.file is None or entry.event not in IN_FORCE:
            continue
        durable.replace(folder / f"{entry.id}.pdf", parts.store.get(entry.file.sha256))
        durable.replace(folder / f"{entry.id}.tlog-proof", receipts.receipt(parts, head, row.index))
        count += 1
    return count


def _certificates(
    session: Session, store: Store, authorities: Sequence[bytes], crls: Sequence[bytes]
) -> None:
    """Bring back the logged certificates, those of our CAs revoked as each one's newest published list says."""
    newest = {ca: found for ca in authorities if (found := _newest(crls, ca)) is not None}
    if not newest:
        return
    revoked = {}
    for ca, listed in newest.items():
        body = listed["tbs_cert_list"]
        session.add(
            Crl(
                issuer=sha256_hex(ca),
                number=listed.crl_number_value.native,
                der=listed.dump(),
                basis="",  # so that the next list is made at once, under the next number
                this_update=body["this_update"].native,
                next_update=body["next_update"].native,
            )
        )
        revoked[ca] = {one["user_certificate"].native: one for one in body["revoked_certificates"]}
    named = {profile.load(ca).subject.dump(): ca for ca in authorities}
    parsed = map(parse_entry, session.scalars(select(LogEntry.entry).execution_options(yield_per=1000)))
    files = [entry.file for entry in parsed if entry.event is Event.CERTIFICATE and entry.file]
    for der in (store.get(file.sha256) for file in files):
        if session.get(Certificate, sha256_hex(der)) is None:
            issuer = named.get(profile.load(der).issuer.dump())  # none: a licensed authority's
            made = enrolment.certificate_row(der, "person", issuer=issuer)  # whose, only the database knew
            _revoke(made, revoked.get(issuer or b"", {}).get(int(made.serial, 16)))
            session.add(made)
            session.flush()


def _newest(crls: Sequence[bytes], issuer: bytes) -> crl.CertificateList | None:
    lists = [listed for der in crls if (listed := _list_of(der, issuer))]
    return max(lists, key=lambda one: int(one.crl_number_value.native), default=None)


def _list_of(der: bytes, issuer: bytes) -> crl.CertificateList | None:
    """Return the list if our CA signed it; None for another authority's; raise InputError for anything else."""
    try:
        ours = revocation.is_signed_by(der, issuer)
    except ProofError as exc:
        raise InputError("E-SYS-168", "给出的文件不是证书吊销列表（DER）。") from exc
    return crl.CertificateList.load(der) if ours else None


def _revoke(row: Certificate, listed: crl.RevokedCertificate | None) -> None:
    if listed is None:
        return
    reason = listed.crl_reason_value.native if listed.crl_reason_value else "unspecified"
    row.status = "suspended" if reason == "certificate_hold" else "revoked"
    row.revoked_at, row.revocation_reason = listed["revocation_date"].native, reason
    since = listed.invalidity_date_value
    row.invalid_since = since.native if since else None
