"""Settings: environment variables LIANGZE_*, frozen after start; every field has a usable default."""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
MOST_PAGES = 32  # page processes; beyond the cores of a machine they only take memory


class Settings(BaseSettings):
    """One deployment's settings. Paths left empty are derived from `home`."""

    model_config = SettingsConfigDict(env_prefix="LIANGZE_", frozen=True, extra="ignore")

    home: Path = Path("var")
    """Data directory (LIANGZE_HOME): database, keys, log, store, work."""
    environment: Literal["demo", "production"] = "demo"
    """`production` refuses demo keys and unadopted texts; `demo` marks every page 演示样张."""
    signature_profile: Literal["international", "sm2"] = "international"
    """How letters, certificates and revocation lists are signed: P-256 with SHA-256, or SM2 with SM3 (国密)."""
    database_url: str = ""
    """SQLAlchemy URL; empty means SQLite in the data directory."""
    store_url: str = ""
    """Object storage, s3://bucket/prefix (keys and address from AWS_* variables); empty: the data directory."""
    pepper_file: Path | None = None
    """32 random bytes, mode 0600; default secrets/pepper in the data directory."""
    templates: Path = ROOT / "templates"
    """Folder of document kinds; a kind that is not in it comes from the shipped ones."""
    rules: Path | None = None
    """Folder of rule files (TOML) that replace the shipped ones of the same name."""
    fonts: Path = ROOT / ".fonts"
    keys_example: Path = ROOT / "keys_example"
    log_origin: str = ""
    """Name of the transparency log (C2SP origin); empty means the one `init` chose and stored."""
    key_uris: str = ""
    """Service keys on tokens, blanks between: issuing_ca=pkcs11:token=…;object=…?module-path=…&pin-source=…"""
    pkcs11_module: Path | None = None
    """Driver (PKCS #11 library) of the tokens that hold signers' own keys."""
    remote_signer: str = ""
    """Remote signing service of signers' keys (CSC API 2.0), up to its version: https://…/csc/v2; empty: none."""
    remote_signer_token: Path | None = None
    """File (mode 0600) or credential with the bearer token for the remote signing service."""
    pki_url: str = ""
    """Where others reach `liangze ocsp serve`; certificates then name their revocation list and OCSP there."""
    tsa_urls: str = ""
    """Outside time-stamping authorities (RFC 3161), asked in this order, blanks between; empty: the local one."""
    tsa_policy: str = ""
    """Object identifier of the policy that tokens must state; empty: the authority's own."""
    anchors_folder: Path | None = None
    """Outside authorities: sign/, time/ (root certificates) and crls/; default anchors in the data directory."""
    workers: int = 2
    """Worker processes for background work; 1 works in a thread of the process itself."""
    page_processes: int = Field(default=0, ge=0, le=MOST_PAGES)
    """Processes in which `serve` serves the pages; 0: one for each core, four at most."""
    trust_file: Path | None = None
    """The trust bundle that `verify` uses by default; empty means trust.json in the user's data directory."""
    online_hosts: str = ""
    """Hosts (name or name:port, commas between) that `verify --online` may ask for CRLs and OCSP; empty: none."""
    public_url: str = "http://127.0.0.1:8080"
    """Address under which people reach the pages; a path in it (https://host/liangze) is where they lie."""
    trusted_proxies: str = ""
    """Addresses of reverse proxies (commas between) whose X-Forwarded-For and -Proto are believed; empty: none."""
    tls_cert: Path | None = None
    """Certificate chain (PEM) with which `serve` speaks TLS itself; without it a proxy does."""
    tls_key: Path | None = None
    """Private key (PEM) to it."""
    oidc_issuer: str = ""
    """Issuer of the OpenID Connect provider through which the office may sign in; empty: none."""
    oidc_client: str = ""
    """Client id at that provider."""
    oidc_secret_file: Path | None = None
    """File (mode 0600) with the client's secret."""
    oidc_title: str = "统一身份登录"
    """What the button says."""
    notify: Literal["file", "smtp", "webhook"] = "file"
    """How notices reach signers: a file in the data directory, e-mail, or a gateway for SMS and chat apps."""
    smtp_host: str = ""
    """Mail server for notices."""
    smtp_port: int = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` only for a server on the same machine."""
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    """File (mode 0600) or credential with the password of `smtp_user`."""
    smtp_from: str = ""
    """Sender's address."""
    smtp_to: str = ""
    """Address made of the phone number where a person has none on record, e.g. {mobile}@139.com; empty: none."""
    webhook_url: str = ""
    """Gateway to which notices are posted, signed (docs/web.md)."""
    webhook_secret_file: Path | None = None
    """File (mode 0600) or credential with the secret shared with the gateway."""
    tasks_immediate: bool = False
    """Run background tasks at once in this process (tests)."""

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.home / 'liangze.sqlite3'}"

    @property
    def pages(self) -> int:
        """The number of page processes in force."""
        return self.page_processes or min(4, len(os.sched_getaffinity(0)))

    @property
    def secrets(self) -> Path:
        """Folder of service keys and the pepper (mode 0700)."""
        return self.home / "secrets"

    @property
    def pepper(self) -> Path:
        """File that holds the pepper."""
        return self.pepper_file or self.secrets / "pepper"

    @property
    def demo_keys(self) -> tuple[Path, ...]:
        """Folders of the demo keys, the profile's own before those that are the same under every profile."""
        own = self.keys_example / self.signature_profile
        return (own, self.keys_example) if own.is_dir() else (self.keys_example,)

    @property
    def trust_bundle(self) -> Path:
        """The trust bundle that this user verifies with."""
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        return self.trust_file or Path(data) / "liangze" / "trust.json"

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that may be asked online."""
        return frozenset(one.strip().lower() for one in self.online_hosts.split(",") if one.strip())

    @property
    def anchors(self) -> Path:
        """Folder of the licensed authorities' root certificates and revocation lists."""
        return self.anchors_folder or self.home / "anchors"

    @property
    def root_path(self) -> str:
        """The sub-path of the pages, without a slash at its end; empty where they have a host of their own."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def secure(self) -> bool:
        """True where people come by https: cookies are Secure then, and HSTS is sent."""
        return self.public_url.startswith("https://")

    @property
    def archive(self) -> Path:
        """Archive folder: checkpoint, tile/…, store/…; can be copied and audited without a database."""
        return self.home / "archive"

    @property
    def work(self) -> Path:
        """Store of revisions on their way (drafts, prepared, stamped); empty when nothing is pending."""
        return self.home / "work"
