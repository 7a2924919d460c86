"""Notices by e-mail (SMTP, RFC 5321): through the office's own mail server, one message to one address.

Where a person has no address on record, `smtp_to` makes one of the phone number: operators' mailboxes
({mobile}@139.com) pass mail on as a short message.
"""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from service.errors import InputError, SetupError, UnavailableError
from service.keys import service_keys
from service.settings import Settings
from service.workflows.todo.messages import Message

TIMEOUT = 20  # seconds
_GONE_FOR_GOOD = 500  # SMTP replies from here on say that trying again is no use


class MailSender:
    """Sends by SMTP; TLS is on unless it is switched off for a server on the same machine."""

    name = "smtp"

    def __init__(self, settings: Settings) -> None:
        if not settings.smtp_host or not settings.smtp_from:
            raise SetupError("E-SYS-311", "邮件通知须设置 LIANGZE_SMTP_HOST 和 LIANGZE_SMTP_FROM。")
        self._settings = settings

    def send(self, message: Message) -> None:
        """Send one message; its Message-ID is the notice's, so that a repetition is known as one."""
        to = self._address(message)
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._settings.smtp_from, to, message.subject
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{message.id}@{self._settings.smtp_from.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        try:
            with self._connected() as server:
                server.send_message(mail)
        except smtplib.SMTPAuthenticationError as exc:
            raise SetupError(
                "E-SYS-312", "邮件服务器不接受用户名或密码，请核对 LIANGZE_SMTP_* 设置。"
            ) from exc
        except smtplib.SMTPRecipientsRefused as exc:
            raise self._refused(max((code for code, _ in exc.recipients.values()), default=0)) from exc
        except smtplib.SMTPResponseException as exc:
            raise self._refused(exc.smtp_code) from exc
        except (OSError, smtplib.SMTPException) as exc:
            raise UnavailableError("E-SYS-313", "邮件服务器暂时没有回应，稍后自动重试。") from exc

    def _address(self, message: Message) -> str:
        if message.email:
            return message.email
        if message.mobile and "{mobile}" in self._settings.smtp_to:
            return self._settings.smtp_to.replace("{mobile}", message.mobile)
        raise InputError("E-SYS-314", "收件人没有登记邮箱，通知没有发出；请登记邮箱或改用短信。")

    def _connected(self) -> smtplib.SMTP:
        settings, context = self._settings, ssl.create_default_context()
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.smtp_host, settings.smtp_port, timeout=TIMEOUT, context=context
            )
        else:
            server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT)
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user:
                server.login(settings.smtp_user, self._password())
        except Exception:  # whatever it is: the connection must not stay
            server.close()
            raise
        return server

    def _password(self) -> str:
        if self._settings.smtp_password_file is None:
            raise SetupError("E-SYS-311", "邮件通知须设置 LIANGZE_SMTP_PASSWORD_FILE。")
        password = service_keys.read_pin_file(self._settings.smtp_password_file)
        if not (password.isascii() and self._settings.smtp_user.isascii()):
            raise SetupError("E-SYS-312", "邮件服务器的用户名和密码只能用英文字母、数字和符号。")
        return password

    def _refused(self, code: int) -> Exception:
        if code >= _GONE_FOR_GOOD:
            return InputError("E-SYS-315", f"邮件服务器拒收（{code}），通知没有发出；请核对收件邮箱。")
        return UnavailableError("E-SYS-313", f"邮件服务器暂不受理（{code}），稍后自动重试。")
