"""Which way notices go (LIANGZE_NOTIFY), and the default: a file on this machine.

A new way (a government chat app, an operator's SMS protocol) is a file beside this one and its line in `of`.
"""

import os
from pathlib import Path

from service.clock import format_utc
from service.core import canonical_json
from service.errors import SetupError, system_reason
from service.settings import Settings
from service.workflows.todo import mail, webhook
from service.workflows.todo.messages import Message, Sender

FILE = "notices.log"


class FileSender:
    """Appends messages to a file of the data directory that only its owner can read: somebody passes them on."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, message: Message) -> None:
        """Append one line of JSON."""
        line = canonical_json(
            {
                "id": message.id,
                "at": format_utc(message.at),
                "mobile": message.mobile,
                "email": message.email,
                "subject": message.subject,
                "text": message.text,
            }
        )
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(line + b"\n")
        except OSError as exc:
            raise SetupError("E-SYS-310", f"不能写入通知文件 {self._path}：{system_reason(exc)}。") from exc


def of(settings: Settings) -> Sender:
    """Return the way that is set."""
    if settings.notify == "smtp":
        return mail.MailSender(settings)
    if settings.notify == "webhook":
        return webhook.WebhookSender(settings)
    return FileSender(settings.home / FILE)
