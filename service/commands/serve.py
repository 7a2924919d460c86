"""`liangze serve`: the pages and the background work of a deployment, until told to stop."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from service import console
from service.commands import page_processes
from service.commands.opening import open_parts
from service.errors import SetupError, UsageError, system_reason
from service.settings import MOST_PAGES
from service.workflows import demo_people
from service.workflows.access import accounts
from service.workflows.parts import Parts


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("serve")(serve)


def serve(
    host: Annotated[str, typer.Option(help="监听地址；让别的电脑直接访问用 0.0.0.0。")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="监听端口；0 表示任选一个。")] = 8080,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="TLS 证书链（PEM）。")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="TLS 私钥（PEM）。")] = None,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="同时运行后台工作。")] = True,
    pages: Annotated[int, typer.Option(min=0, max=MOST_PAGES, help="网页进程数；0 表示按设置。")] = 0,
) -> None:
    """启动网页服务和后台工作；没有管理员时，给出一次性的管理员链接。"""
    run(open_parts(), host, port, tls_cert, tls_key, worker=worker, pages=pages)


def run(
    parts: Parts,
    host: str,
    port: int,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    *,
    worker: bool = True,
    pages: int = 0,
) -> None:
    """Serve an open deployment until told to stop."""
    certificate, key = tls_cert or parts.settings.tls_cert, tls_key or parts.settings.tls_key
    if (certificate is None) != (key is None):
        raise UsageError("E-SYS-301", "TLS 证书（--tls-cert）和私钥（--tls-key）须一起给出。")
    with _listening(host, port) as listener:
        where = _local_address(listener, secure=certificate is not None)
        parts = _served(parts, where, pages)
        config = page_processes.configure(parts, certificate, key)
        public = parts.settings.public_url
        console.say(f"网页服务：{where}　对外地址：{public}")
        _say_first_admin(parts)
        if demo_people.actors(parts):
            console.say(f"演示身份（任何人可用，切勿放到公网）：{public.rstrip('/')}/demo")
        with _worker(worker):
            page_processes.run(config, listener)


def _served(parts: Parts, where: str, pages: int) -> Parts:
    """Return the parts with what is known only now: how many processes, and the address, unless one was set.

    Links must lead there. The processes beside this one read the same in the environment.
    """
    settings = parts.settings
    update: dict[str, object] = {"page_processes": pages or settings.pages}
    if "public_url" not in settings.model_fields_set:
        here = where.rstrip("/").replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]")
        update["public_url"] = here
    os.environ.update({f"LIANGZE_{name.upper()}": str(value) for name, value in update.items()})
    return replace(parts, settings=settings.model_copy(update=update))


def _say_first_admin(parts: Parts) -> None:
    token = accounts.first_admin(parts)
    if token is not None:
        console.say("还没有系统管理员。请在三天内打开下面的链接设置密码（登录名 admin，只能用一次）：")
        console.say(f"{parts.settings.public_url.rstrip('/')}/start/{token}")


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as exc:
            raise SetupError(
                "E-SYS-302", f"不能在 {host}:{port} 监听（{system_reason(exc)}）：请换一个端口（--port）。"
            ) from exc
        listener.listen(512)
        yield listener


def _local_address(listener: socket.socket, *, secure: bool) -> str:
    host, port = listener.getsockname()[:2]
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/"


@contextmanager
def _worker(wanted: bool) -> Iterator[None]:
    """Have `liangze worker` run beside the pages, in a process of its own; one that ends is started again."""
    if not wanted:
        yield
        return
    stop = threading.Event()
    keeper = threading.Thread(target=_keep_working, args=(stop,), name="worker")
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()


def _keep_working(stop: threading.Event) -> None:
    while not stop.is_set():
        hand = subprocess.Popen(
            [sys.executable, "-m", "service", "worker"], preexec_fn=page_processes.end_with_parent
        )
        while hand.poll() is None and not stop.is_set():
            time.sleep(0.2)
        if stop.is_set():
            hand.terminate()
            hand.wait()
            return
        stop.wait(page_processes.REST)
