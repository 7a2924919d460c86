"""`liangze serve` as a process of its own: the first administrator's link, TLS, and which proxies are believed."""

import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from service.cli import run
from service.db.access import LoginTry
from service.db.engine import open_engine, sessions_of
from tests.test_project import ROOT
from tests.web.people import token_in

WAIT = 60
EXAMPLE = ROOT / "docs" / "examples" / "nginx.conf"


@contextmanager
def serving(home: Path, *options: str, **settings: str) -> Iterator[list[str]]:
    """Run `liangze serve` and yield the lines that it says at its start."""
    environment = {**os.environ, "LIANGZE_HOME": str(home), "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--no-worker", *options]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield [process.stdout.readline() for _ in range(3)]
        finally:
            process.terminate()
            process.communicate(timeout=WAIT)


@pytest.fixture
def home(web_home: Path, tmp_path: Path) -> Path:
    shutil.copytree(web_home, tmp_path / "var")
    return tmp_path / "var"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=liangze test"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def guess(client: httpx.Client, home: Path) -> int:
    """Guess a password twice, each time said to come from another address; return how many addresses were noted."""
    token = token_in(client.get("/login").text)
    for address in ("198.51.100.7", "198.51.100.8"):
        form = {"csrf": token, "login": "nobody.here", "password": "x"}
        client.post("/login", data=form, headers={"X-Forwarded-For": address})
    engine = open_engine(f"sqlite:///{home / 'liangze.sqlite3'}")
    with sessions_of(engine).begin() as session:
        found = len(set(session.scalars(select(LoginTry.target))))
    engine.dispose()
    return found


def test_tls_the_administrators_link_and_a_trusted_proxy(home: Path, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    options = ("--tls-cert", str(cert), "--tls-key", str(key))
    public = {"LIANGZE_PUBLIC_URL": "https://127.0.0.1:8443", "LIANGZE_TRUSTED_PROXIES": "127.0.0.1"}
    with serving(home, *options, **public) as said:
        url = re.search(r"https://127\.0\.0\.1:\d+", said[0])
        link = re.search(r"https://127\.0\.0\.1:8443(/start/\S+)", said[2])
        assert url and "登录名 admin" in said[1] and link
        trusted = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(base_url=url[0], verify=trusted, timeout=WAIT, trust_env=False) as client:
            page = client.get(link[1])
            assert page.status_code == 200 and "设置密码" in page.text
            assert page.headers["strict-transport-security"]
            assert all("Secure" in one for one in page.headers.get_list("set-cookie"))
            assert client.get("/v").status_code == 200  # the public pages, on the same port
            assert guess(client, home) == 2
        with pytest.raises(httpx.HTTPError):  # nobody is served in the clear there
            httpx.get(url[0].replace("https", "http"), timeout=WAIT, trust_env=False)


@pytest.mark.soak  # a second process: three seconds
def test_nobody_is_believed_who_is_no_proxy(home: Path) -> None:
    with serving(home, LIANGZE_TRUSTED_PROXIES="192.0.2.9") as said:
        url = re.search(r"http://127\.0\.0\.1:\d+", said[0])
        link = re.search(r"/start/\S+", said[2])
        assert url and link
        with httpx.Client(base_url=url[0], timeout=WAIT, trust_env=False) as client:
            assert client.get(link[0]).status_code == 200
            assert guess(client, home) == 1


def test_a_certificate_without_its_key_does_not_start(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIANGZE_HOME", str(home))
    assert run(["serve", "--port", "0", "--tls-cert", "cert.pem"]) == 2
    assert "E-SYS-301" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_accepts_the_sample(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    sample = EXAMPLE.read_text("utf-8")
    sample = sample.replace("/etc/nginx/tls/fullchain.pem", str(cert)).replace(
        "/etc/nginx/tls/key.pem", str(key)
    )
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{sample}\n}}\n")
    done = subprocess.run(
        ["nginx", "-t", "-c", str(whole), "-p", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
