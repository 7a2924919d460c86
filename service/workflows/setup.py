"""`init`: data directory, secrets, database, service keys, certificates and log. Nothing else makes what is missing.

A crash half-way leaves no mark of completion; running `init` again finishes what is there and replaces nothing.
"""

import os
import re
from pathlib import Path

from asn1crypto import pem
from sqlalchemy.orm import Session

from service.archive import log as archive_log
from service.archive import s3
from service.archive.log import Log
from service.archive.store import FolderStore, Store
from service.clock import Clock
from service.core import Entropy
from service.db import schema
from service.db.engine import open_engine, sessions_of
from service.db.tables import Setting
from service.errors import ConflictError, ForbiddenError, SetupError
from service.keys import service_keys, suites
from service.keys.signer import Algorithm, Signer
from service.settings import Settings
from service.signing import ca, demo
from service.tlog import note

SERVICE_KEYS = {
    "issuing_ca": None,
    "tsa_ca": Algorithm.ECDSA_P256_SHA256,
    "tsa": Algorithm.ECDSA_P256_SHA256,
    "log": Algorithm.ED25519,
    "trust": Algorithm.ED25519,
    "qr": Algorithm.ECDSA_P256_SHA256,
}
"""None: as the signature profile says. Time, QR codes and log are for many programs and devices: theirs are fixed."""
CA_YEARS = 20
TSA_YEARS = 15
MARK = "initialised"
_IS_KEY = re.compile(r"log|trust|qr|(issuing_ca|tsa_ca|tsa)(-[1-9][0-9]*)?")


def is_initialised(settings: Settings) -> bool:
    """Say whether a data directory with a database is there (whole or half-made)."""
    return settings.home.is_dir() and settings.secrets.is_dir()


def init(settings: Settings, clock: Clock, entropy: Entropy, *, organization: str) -> None:
    """Make everything a deployment needs; raise ConflictError when it is made already, SetupError E-GMA-00x where this
    machine cannot sign as the profile says.
    """
    suites.require_ready(settings.signature_profile)
    for folder in (settings.home, settings.secrets):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_engine(settings.database)
    schema.migrate(engine)
    sessions = sessions_of(engine)
    with sessions.begin() as session:
        if read_setting(session, MARK):
            raise ConflictError("E-SYS-020", f"数据目录 {settings.home} 已经初始化，不会重做。")
        _record(session, "environment", settings.environment)
    if not service_keys.located(settings.pepper).exists():
        service_keys.create_pepper(settings.pepper, entropy)
    _make_keys(settings, clock, entropy, organization)
    signers = load_signers(settings)
    origin = _origin(settings, organization)
    for folder in (settings.archive, settings.archive / "store", settings.work):
        folder.mkdir(parents=True, exist_ok=True)
    with sessions.begin() as session:
        _record(session, "log_origin", origin)
    _make_log(settings, sessions, origin, signers["log"], clock)
    engine.dispose()


def finish(session: Session) -> None:
    """Leave the mark of completion, in the transaction that logs the first certificates."""
    _record(session, MARK, "1")


def record_again(session: Session, settings: Settings, origin: str) -> None:
    """Record in a database made anew what `init` had recorded in the old one."""
    _record(session, "environment", settings.environment)
    _record(session, "log_origin", origin)


def require_ready(settings: Settings) -> None:
    """Raise SetupError unless `init` has finished in this data directory."""
    if not is_initialised(settings):
        raise SetupError("E-SYS-021", f"数据目录 {settings.home} 尚未初始化，请先运行 liangze init。")


def load_signers(settings: Settings) -> dict[str, Signer]:
    """Open the keys of log, trust and QR codes; production refuses demo ones. The authorities' are for generations."""
    signers = {name: open_key(settings, name) for name in ("log", "trust", "qr")}
    if settings.environment == "production":
        demo.refuse_demo_keys(*(signer.public_key for signer in signers.values()))
    return signers


def certificates(settings: Settings) -> dict[str, bytes]:
    """Return the first generation's certificates (DER) by name."""
    return {
        name: read_certificate(settings.secrets / f"{name}.pem") for name in ("issuing_ca", "tsa_ca", "tsa")
    }


def key_uris(settings: Settings) -> dict[str, str]:
    """Return which service keys are on tokens, by name; raise SetupError for a name that is none."""
    pairs = [one.partition("=") for one in settings.key_uris.split()]
    if strange := [name for name, _, _ in pairs if not _IS_KEY.fullmatch(name)]:
        raise SetupError(
            "E-SYS-025",
            f"LIANGZE_KEY_URIS 中的“{strange[0]}”不是服务密钥；应为{'、'.join(SERVICE_KEYS)}之一。",
        )
    return {name: uri for name, _, uri in pairs}


def open_key(settings: Settings, name: str) -> Signer:
    """Return the signer of a service key: from its token, credential or file."""
    uri = key_uris(settings).get(name)
    if uri is None:
        return service_keys.load_key_file(settings.secrets / f"{name}.key")
    from service.keys import token  # noqa: PLC0415 - the driver's binding is optional, and loads a library

    return token.open_token(uri)


def read_certificate(path: Path) -> bytes:
    """Return the DER of a PEM certificate file."""
    try:
        _, _, der = pem.unarmor(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise SetupError("E-SYS-022", f"读不出证书 {path}，请从备份恢复。") from exc
    return bytes(der)


def read_setting(session: Session, name: str) -> str | None:
    """Return what `init` recorded under `name`."""
    row = session.get(Setting, name)
    return row.value if row else None


def require_same_environment(session: Session, settings: Settings) -> None:
    """Raise ForbiddenError when a demo data directory is opened as production, or the other way round."""
    made = read_setting(session, "environment")
    if made != settings.environment:
        raise ForbiddenError(
            "E-SYS-023",
            f"数据目录以 {made} 环境初始化，当前环境为 {settings.environment}，不能混用；"
            "请改 LIANGZE_ENVIRONMENT 或换数据目录。",
        )


def _record(session: Session, name: str, value: str) -> None:
    session.merge(Setting(name=name, value=value))


def _origin(settings: Settings, organization: str) -> str:
    if settings.environment == "demo":
        vkey = (settings.keys_example / "log.vkey").read_text().strip()
        return note.Verifier.parse(vkey).name
    if not settings.log_origin:
        raise SetupError(
            "E-SYS-024",
            f"请先设置 LIANGZE_LOG_ORIGIN（{organization}的存证日志名称，如 fda.example.gov.cn/log）。",
        )
    return settings.log_origin


def _make_keys(settings: Settings, clock: Clock, entropy: Entropy, organization: str) -> None:
    if settings.environment == "demo":
        _copy_demo(settings)
        return
    for name, fixed in SERVICE_KEYS.items():
        algorithm = fixed or suites.of_profile(settings.signature_profile).algorithm
        on_token = name in key_uris(settings)
        if not on_token and not service_keys.located(settings.secrets / f"{name}.key").exists():
            service_keys.create_key_file(settings.secrets / f"{name}.key", algorithm, entropy)
    _make_certificates(settings, clock, entropy, organization)


def _copy_demo(settings: Settings) -> None:
    for path in (path for folder in settings.demo_keys for path in sorted(folder.glob("*"))):
        target = settings.secrets / path.name
        if path.suffix not in {".key", ".pem", ".vkey"} or target.exists():
            continue
        write(target, path.read_bytes())


def demo_key(settings: Settings, name: str) -> Path:
    """Return where a demo key or certificate of the profile lies."""
    return next(path for folder in settings.demo_keys if (path := folder / name).exists())


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable by its owner only."""
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        temporary.chmod(0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _make_certificates(settings: Settings, clock: Clock, entropy: Entropy, organization: str) -> None:
    now = clock()
    signers = {name: open_key(settings, name) for name in SERVICE_KEYS}
    made: dict[str, bytes] = {}
    for name, use in (("issuing_ca", "sign"), ("tsa_ca", "time")):
        title = "电子签名签发机构" if use == "sign" else "时间戳签发机构"
        subject = ca.Subject(f"{organization}{title}", organization)
        serial = ca.new_serial(entropy)
        made[name] = ca.self_signed(
            signers[name],
            subject,
            now=now,
            years=CA_YEARS,
            serial=serial,
            use=use,  # type: ignore[arg-type]
        )
    made["tsa"] = ca.issue(
        made["tsa_ca"],
        signers["tsa_ca"],
        signers["tsa"].public_key,
        ca.Subject(f"{organization}时间戳", organization),
        use="tsa",
        now=now,
        not_after=now.replace(year=now.year + TSA_YEARS, day=min(now.day, 28)),
        serial=ca.new_serial(entropy),
        published=ca.Published.under(settings.pki_url, "tsa_ca"),
    )
    if not (settings.secrets / "tsa.pem").exists():  # written last: all three or none
        for name, der in made.items():
            write(settings.secrets / f"{name}.pem", pem.armor("CERTIFICATE", der))


def _make_log(settings: Settings, sessions: object, origin: str, signer: Signer, clock: Clock) -> Log:
    try:
        return archive_log.create(
            sessions,  # type: ignore[arg-type]
            settings.archive,
            origin,
            signer,
            clock(),
        )
    except ConflictError:
        return archive_log.load(sessions, settings.archive, origin, signer)  # type: ignore[arg-type]


def stores(settings: Settings) -> tuple[Store, Store]:
    """Return the archive's store and the work store, both in the data directory or both in the object storage."""
    if settings.store_url:
        return s3.open_store(settings.store_url, "store"), s3.open_store(settings.store_url, "work")
    return FolderStore(settings.archive / "store"), FolderStore(settings.work)
