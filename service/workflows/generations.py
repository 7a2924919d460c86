"""Generations of the own authorities: which CA and TSA certify and stamp now, which did before, and the next one.

A new generation is made long before the old one ends. From its log entry on it issues; the old one stays an anchor for
ever, and signs its lists and OCSP answers as long as it lives and its key is here. One self-signed CA each for signers
and for time keeps validation of old letters simple: nothing but their own roots must have been trusted.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from asn1crypto import pem
from sqlalchemy.orm import Session

from service.clock import CHINA
from service.core import sha256_hex
from service.errors import ConflictError, SetupError, UsageError
from service.keys import service_keys, suites
from service.keys.signer import Algorithm, Signer
from service.settings import Settings
from service.signing import ca, demo, profile
from service.workflows import authority, enrolment, setup
from service.workflows.enrolment import Ground
from service.workflows.parts import Authority, Parts

USES = {"sign": "issuing_ca", "time": "tsa_ca"}
"""What a generation is for, and the name of its first CA; the second one's is issuing_ca-2."""
ROWS = {"sign": "ca", "time": "tsa_ca"}
WORDS = {"sign": "签发机构", "time": "时间戳机构"}
DUE = timedelta(days=6 * 365)
"""With less time left a generation is due to be followed: a seal's certificate lasts five years."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The authorities whose keys are here, newest first, and the time-stamping key and certificate of today."""

    issuing: tuple[Authority, ...]
    timing: tuple[Authority, ...]
    tsa: Authority


@dataclass(frozen=True, slots=True)
class Own:
    """A certificate of our own that lies among the secrets: DER, what its row is called, and its CA's, if any."""

    der: bytes
    use: str
    issuer: bytes | None


def files(settings: Settings) -> list[Own]:
    """Return the certificates of all generations of CAs and TSAs from their files, the newest first."""
    roots = [
        Own(_certificate(settings, name), ROWS[use], None)
        for use, base in USES.items()
        for name in _names(settings, base)
    ]
    stamping = [
        Own(_certificate(settings, name), "tsa", _certificate(settings, name.replace("tsa", "tsa_ca", 1)))
        for name in _names(settings, "tsa")
    ]
    return [*roots, *stamping]


def load(settings: Settings, session: Session) -> Loaded:
    """Open the authorities that the log knows; raise SetupError when the newest one's key or certificate is missing."""
    issuing, timing = (_load(settings, session, use) for use in USES)
    return Loaded(issuing, timing, _open(settings, timing[0].name.replace("tsa_ca", "tsa", 1)))


def succeed(parts: Parts, use: str, ground: Ground, *, early: bool = False) -> str:
    """Make the next generation and return its name; it is used from the next start of the service on.

    Keys and certificates are written first; the log entry is the commit point, and without it they are not used. After
    a crash the same command goes on. ConflictError E-SIG-191 while the present one has long to live, unless `early`.
    """
    if use not in USES:
        raise UsageError("E-SIG-198", f"--use 应为{'、'.join(USES)}之一。")
    now, settings = parts.clock(), parts.settings
    present = parts.issuing_ca if use == "sign" else parts.tsa_ca
    end = profile.load(present.certificate).not_valid_after
    if end - now > DUE and not early:
        raise ConflictError(
            "E-SIG-191",
            f"现用{WORDS[use]}有效期至 {end.astimezone(CHINA):%Y-%m-%d}，尚不需要换代；"
            "确需提前（如更换算法或密钥）请加 --early。",
        )
    name = f"{USES[use]}-{_number(present.name) + 1}"
    made = {name: _certify(parts, name, use, now)}
    if use == "time":
        made[name.replace("tsa_ca", "tsa", 1)] = _certify_tsa(parts, made[name], name, now)
    for each, der in made.items():
        parts.store.put(der)
        setup.write(settings.secrets / f"{each}.pem", pem.armor("CERTIFICATE", der))
    with parts.sessions.begin() as session:
        for each, der in made.items():
            is_root = each == name
            issuer = None if is_root else made[name]
            session.add(enrolment.certificate_row(der, ROWS[use] if is_root else "tsa", issuer=issuer))
            enrolment.note(session, each, sha256_hex(der), "换代", now, ground)
            enrolment.log_certificate(parts, session, der, now)
    parts.log.publish()
    return name


def overview(parts: Parts) -> list[str]:
    """Return one line for each generation: until when, what it does, whether the next one is due."""
    now = parts.clock()
    newest = {sha256_hex(one.certificate) for one in (parts.issuing_ca, parts.tsa_ca)}
    held = {sha256_hex(one.certificate) for one in parts.authorities}
    with parts.sessions.begin() as session:
        rows = authority.roots(session)
    lines = []
    for row in rows:
        until = f"有效期至 {row.not_after.astimezone(CHINA):%Y-%m-%d}"
        state = "现用" if row.sha256 in newest else "仍被信任，不再签发" if row.sha256 in held else "仅供验证"
        due = "，请换代：liangze cert succeed" if row.sha256 in newest and row.not_after - now < DUE else ""
        use = next(key for key, value in ROWS.items() if value == row.use)
        suite = suites.of_certificate(row.der)
        kind = suite.title if suite is not None else "未知算法"
        lines.append(f"{WORDS[use]}　{ca.common_name(row.der)}　{kind}　{until}　{state}{due}")
    return lines


def due(parts: Parts) -> list[str]:
    """Return the uses whose present generation should be followed soon."""
    now = parts.clock()
    pairs = {"sign": parts.issuing_ca, "time": parts.tsa_ca}
    return [use for use, one in pairs.items() if profile.load(one.certificate).not_valid_after - now < DUE]


def _load(settings: Settings, session: Session, use: str) -> tuple[Authority, ...]:
    logged = [row.sha256 for row in authority.roots(session) if row.use == ROWS[use]]
    found = [one for one in _names(settings, USES[use]) if _is_logged(settings, one, logged)]
    if not found or (logged and sha256_hex(_certificate(settings, found[0])) != logged[0]):
        raise SetupError(
            "E-SIG-199",
            f"{settings.secrets} 中缺少现用{WORDS[use]}的证书（{USES[use]}*.pem），请从备份恢复。",
        )
    held = [_open(settings, found[0])]
    for name in found[1:]:
        try:
            held.append(_open(settings, name))
        except SetupError as error:
            if (
                error.code != "E-KEY-008"
            ):  # an earlier key may have been destroyed; its certificate is in the log
                raise
    return tuple(held)


def _is_logged(settings: Settings, name: str, logged: list[str]) -> bool:
    """Say whether a certificate counts: the log has it, or this is the first start and the log has none yet."""
    return not logged or sha256_hex(_certificate(settings, name)) in logged


def _names(settings: Settings, base: str) -> list[str]:
    """Return the names of the generations whose certificates are here, the newest first."""
    pattern = re.compile(rf"{base}(?:-[1-9][0-9]*)?")
    names = [path.stem for path in settings.secrets.glob(f"{base}*.pem") if pattern.fullmatch(path.stem)]
    return sorted(names, key=_number, reverse=True)


def _number(name: str) -> int:
    return int(name.partition("-")[2] or 1)


def _open(settings: Settings, name: str) -> Authority:
    opened = Authority(name, _certificate(settings, name), setup.open_key(settings, name))
    if settings.environment == "production":
        demo.refuse_demo(opened.certificate)
    return opened


def _certificate(settings: Settings, name: str) -> bytes:
    return setup.read_certificate(settings.secrets / f"{name}.pem")


def _certify(parts: Parts, name: str, use: str, now: datetime) -> bytes:
    """Return the self-signed certificate; its name tells it from the former ones, as lists are found by name."""
    present = parts.issuing_ca if use == "sign" else parts.tsa_ca
    former = profile.load(present.certificate).subject.native
    first = re.sub(r"第\d+代$", "", str(former["common_name"]))
    title = f"{first}第{_number(name)}代"
    subject = ca.Subject(title, str(former["organization_name"]), demo=parts.demo)
    return _kept(
        parts.settings,
        name,
        lambda: ca.self_signed(
            _key(parts, name),
            subject,
            now=now,
            years=setup.CA_YEARS,
            serial=ca.new_serial(parts.entropy),
            use=use,  # type: ignore[arg-type]
        ),
    )


def _certify_tsa(parts: Parts, root: bytes, name: str, now: datetime) -> bytes:
    own = name.replace("tsa_ca", "tsa", 1)
    named = profile.load(root).subject.native
    title = str(named["common_name"]).replace("签发机构", "", 1)
    subject = ca.Subject(title, str(named["organization_name"]), demo=parts.demo)
    return _kept(
        parts.settings,
        own,
        lambda: ca.issue(
            root,
            _key(parts, name),
            _key(parts, own).public_key,
            subject,
            use="tsa",
            now=now,
            not_after=profile.years_later(now, setup.TSA_YEARS),
            serial=ca.new_serial(parts.entropy),
            published=ca.Published.under(parts.settings.pki_url, name),
        ),
    )


def _kept(settings: Settings, name: str, make: Callable[[], bytes]) -> bytes:
    """Return the certificate that a crashed try has left, or make it."""
    path = settings.secrets / f"{name}.pem"
    return setup.read_certificate(path) if path.exists() else make()


def _key(parts: Parts, name: str) -> Signer:
    path: Path = service_keys.located(parts.settings.secrets / f"{name}.key")
    if name not in setup.key_uris(parts.settings) and not path.exists():
        suite = suites.of_profile(parts.settings.signature_profile)
        is_signing = name.startswith(USES["sign"])
        algorithm = suite.algorithm if is_signing else Algorithm.ECDSA_P256_SHA256
        return service_keys.create_key_file(path, algorithm, parts.entropy)
    return setup.open_key(parts.settings, name)
