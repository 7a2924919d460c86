"""A private PostgreSQL server for tests: Debian's, in its own folder, on a free port, under an ordinary user.

initdb refuses root, so root hands the server to the user `postgres` or `nobody`. Nothing of it outlives the tests.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests import room

ADMIN = "postgres"
SECONDS = 30  # to come up, or to go
ATTEMPTS = 3  # another program may take the free port first
# A test's database may be lost with the machine: durability is not what these tests look at.
_FAST = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "max_connections=40",
]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    password: str

    def url(self, database: str) -> str:
        """Return the address of a database as the settings take it."""
        return f"postgresql+psycopg://{ADMIN}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, template: str = "template0") -> str:
        """Make a database, a copy of `template`, and return its address."""
        words = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}")
        quicker = "FILE_COPY" if room.is_memory(self.folder) else "WAL_LOG"
        strategy = sql.SQL(quicker)
        self._execute(words.format(sql.Identifier(database), sql.Identifier(template), strategy))
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database with whoever is still connected."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self.process.send_signal(signal.SIGINT)  # fast shutdown
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._conninfo(), autocommit=True) as connection:
            connection.execute(statement)

    def _conninfo(self) -> str:
        where = f"host=127.0.0.1 port={self.port} dbname=postgres connect_timeout=5"
        return f"{where} user={ADMIN} password={self.password}"

    def answers(self) -> bool:
        """Say whether the server takes connections; raise RuntimeError once it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text("utf-8", "replace")[-2000:])
        try:
            psycopg.connect(self._conninfo()).close()
        except psycopg.OperationalError:
            return False
        return True


def programs() -> Path | None:
    """Return the folder of the newest installed server, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).resolve().parent if elsewhere else None


def start(binaries: Path) -> Server:
    """Start a server in a new private folder."""
    folder = Path(tempfile.mkdtemp(prefix="liangze-postgresql-", dir=room.memory()))
    user = _ordinary_user()
    password = secrets.token_urlsafe(16)
    (folder / "password").write_text(password)
    if user:
        for path in (folder, folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)
    options = ["--username", ADMIN, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"]
    _run(user, binaries / "initdb", *options, "--no-sync", "--pwfile", folder / "password", folder / "data")
    for attempt in range(ATTEMPTS):
        try:
            return _serve(user, binaries, folder, password)
        except RuntimeError:
            if attempt == ATTEMPTS - 1:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    raise AssertionError("unreachable")


def _serve(user: pwd.struct_passwd | None, binaries: Path, folder: Path, password: str) -> Server:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = [*_FAST, "listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}"]
    command = [
        binaries / "postgres",
        "-D",
        folder / "data",
        *(word for one in settings for word in ("-c", one)),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(_as(user, *command), stdout=log, stderr=log, cwd="/")
    server = Server(process, folder, port, password)
    deadline = time.monotonic() + SECONDS
    while not server.answers():
        if time.monotonic() > deadline:
            process.kill()
            raise RuntimeError("PostgreSQL did not answer in time")
        time.sleep(0.05)
    return server


def _ordinary_user() -> pwd.struct_passwd | None:
    """Return whom root lends the server to; None where we are an ordinary user ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no ordinary user to run PostgreSQL under")


def _as(user: pwd.struct_passwd | None, *command: object) -> list[str]:
    # The server must go when the tests are killed.
    words = ["setpriv", "--pdeathsig", "INT"]
    if user:
        words += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return [*words, *(str(word) for word in command)]


def _run(user: pwd.struct_passwd | None, *command: object) -> None:
    result = subprocess.run(_as(user, *command), capture_output=True, cwd="/", check=False)
    if result.returncode:
        raise RuntimeError(result.stderr.decode("utf-8", "replace"))
