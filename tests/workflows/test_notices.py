"""People are told what waits for them: by file, mail or webhook, tried again while it is down, never twice a day."""

import base64
import email
import email.policy
import json
import stat
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service.app import App
from service.clock import CHINA, china_day
from service.db.flow import Notice
from service.db.tables import Cadre, Job
from service.errors import InputError, ServiceError, SetupError
from service.registry.dated import as_of
from service.settings import Settings
from service.workflows import jobs, signing
from service.workflows.todo import contacts, deadlines, mail, messages, office, reminders, senders, webhook
from service.workflows.work import TASKS
from tests.gateways import gateway, mail_server, self_signed
from tests.workflows.conftest import PIN, VILLAGE, HandClock
from tests.workflows.test_on_the_way import CLERK, letter, ordinary, sign_own

SECRET = "wind over bamboo leaves no trace"


def with_settings(app: App, **values: object) -> App:
    """Return the deployment with other settings; what runs a job sees them."""
    parts = replace(app.parts, settings=app.parts.settings.model_copy(update=values))
    return replace(app, parts=parts)


def work(app: App) -> None:
    """Run what is due once, as a worker does."""
    with app.parts.sessions.begin() as session:
        due = jobs.pending(session, app.parts.clock())
    for job, _ in due:
        jobs.run(app.parts, job, TASKS)


def notices(app: App) -> list[Notice]:
    with app.parts.sessions.begin() as session:
        return list(session.scalars(select(Notice).order_by(Notice.created_at)))


def secret_file(folder: Path) -> Path:
    path = folder / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


def test_issued_letters_are_told_once_in_a_file_only_its_owner_reads(app: App, issued: list[str]) -> None:
    path = app.parts.settings.home / senders.FILE
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == len({line["id"] for line in lines}) == len(issued)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    name = letter_name(app, issued[0])
    mine = next(line for line in lines if name in line["text"])
    assert "1 份承诺书待您签署" in mine["text"] and mine["mobile"]
    address = mine["text"].split("或打开 ")[1].split(" ")[0]
    assert address == "http://127.0.0.1:8080/sign"  # no name, no number, no token in an address
    assert {one.state for one in notices(app)} == {"sent"}
    with app.parts.sessions.begin() as session:
        targets = session.scalars(select(Job.target).where(Job.task == "notify")).all()
    assert set(targets) == {one.id for one in notices(app)}  # a job carries an id and nothing else


def letter_name(app: App, one: str) -> str:
    with app.parts.sessions.begin() as session:
        on = china_day(app.parts.clock())
        return session.scalars(
            select(Cadre.name).where(as_of(Cadre, on), Cadre.cadre == letter(app, one).cadre)
        ).one()


def test_nobody_is_reminded_twice_a_day_by_hand_or_by_rule(
    app: App, issued: list[str], clock: HandClock
) -> None:
    done = reminders.remind(app.parts, [VILLAGE], by=CLERK)
    assert (done.sent, done.already) == (0, len(issued))  # told this morning that letters are ready
    clock.move(timedelta(days=1))
    one = ordinary(app, issued)[0]
    alone = reminders.remind(app.parts, [VILLAGE], by=CLERK, only=[letter(app, one).cadre])
    assert (alone.sent, alone.already) == (1, 0)
    every = reminders.remind(app.parts, [VILLAGE], by=CLERK)
    assert (every.sent, every.already) == (len(issued) - 1, 1)
    due = clock().astimezone(CHINA).replace(hour=23)
    deadlines.put(app.parts, VILLAGE, due, [0, 1], by=CLERK)
    assert reminders.by_rule(app.parts) == 0  # its day, but they have been told
    app.drain()
    last = (app.parts.settings.home / senders.FILE).read_text().splitlines()[-1]
    assert "请于 11月25日23:00 前办理" in json.loads(last)["text"]


def test_a_rule_reminds_on_its_days_and_hours_and_only_who_still_has_to_sign(
    app: App, issued: list[str], clock: HandClock
) -> None:
    due = datetime(2026, 11, 27, 17, 0, tzinfo=CHINA)
    deadlines.put(app.parts, VILLAGE, due, [-1, 1], by=CLERK)
    for wrong in (due - timedelta(days=9), due + timedelta(days=300)):
        with pytest.raises(InputError, match="E-SIG-240"):
            deadlines.put(app.parts, VILLAGE, wrong, [], by=CLERK)
    with pytest.raises(InputError, match="E-SIG-241"):
        deadlines.put(app.parts, VILLAGE, due, [-90], by=CLERK)
    one = ordinary(app, issued)[0]
    clock.move(timedelta(days=1))  # the 25th: no day of the rule
    assert reminders.by_rule(app.parts) == 0
    sign_own(app, one)  # its leader is told of it, who has an own letter to sign
    before = len(notices(app))
    clock.move(timedelta(hours=20))  # the 26th, about seven in the morning
    assert clock().astimezone(CHINA).hour < reminders.FROM and reminders.by_rule(app.parts) == 0
    clock.move(timedelta(hours=4))
    assert reminders.by_rule(app.parts) == len(issued) - 1
    assert reminders.by_rule(app.parts) == 0
    assert letter(app, one).cadre not in {each.person for each in notices(app)[before:]}
    with app.parts.sessions.begin() as session:
        assert deadlines.overdue(session, [VILLAGE], clock()) == {}
    clock.move(timedelta(days=2))
    with app.parts.sessions.begin() as session:
        assert deadlines.overdue(session, [VILLAGE], clock()) == {VILLAGE: len(issued)}
        assert deadlines.due_of(session, VILLAGE, clock()) == due
    with app.parts.sessions.begin() as session:  # a place below inherits it … from the unit above
        assert deadlines.of_unit(session, "330302001", clock()) is None


def test_a_gateway_gets_signed_posts_and_is_tried_again_ever_later(
    app: App, issued: list[str], tmp_path: Path, clock: HandClock
) -> None:
    clock.move(timedelta(days=1))
    person = letter(app, ordinary(app, issued)[0]).cadre
    with gateway() as posts:
        posts.answers[:] = [503, 429]
        made = with_settings(
            app, notify="webhook", webhook_url=posts.url, webhook_secret_file=secret_file(tmp_path)
        )
        reminders.remind(made.parts, [VILLAGE], by=CLERK, only=[person])
        waits = []
        for _ in range(3):
            work(made)
            with made.parts.sessions.begin() as session:
                job = session.scalars(select(Job).where(Job.task == "notify").order_by(Job.id.desc())).first()
                assert job is not None
                if job.not_before is not None:
                    waits.append(job.not_before - job.updated_at)
                    assert SECRET not in f"{job.fault}{job.target}" and "网关暂不受理" in str(job.fault)
            clock.move(timedelta(minutes=10))
    assert waits == [timedelta(minutes=1), timedelta(minutes=5)]
    assert notices(made)[-1].state == "sent" and notices(made)[-1].way == "webhook"
    assert len(posts.got) == 3 and len({headers["idempotency-key"] for _, headers, _ in posts.got}) == 1
    path, headers, body = posts.got[-1]
    assert path == "/sms" and b"".join([b"\\u"]) not in body
    expected = webhook.sign(SECRET.encode(), headers["x-liangze-timestamp"], body)
    assert headers["x-liangze-signature"] == expected
    sent = json.loads(body)
    assert set(sent) == {"v", "id", "why", "mobile", "subject", "text"} and sent["why"] == "reminder"


def test_a_gateway_that_refuses_for_good_is_told_and_not_asked_for_ever(
    app: App, issued: list[str], tmp_path: Path, clock: HandClock
) -> None:
    message = messages.Message("a" * 32, "new", "13800000000", None, "通知", "一份", clock())
    with gateway() as posts:
        posts.answers[:] = [400, 302]
        settings = Settings(webhook_url=posts.url, webhook_secret_file=secret_file(tmp_path))
        for code in ("400", "302"):  # a redirect is followed by nobody
            with pytest.raises(InputError, match=f"E-SYS-319.*{code}"):
                webhook.WebhookSender(settings).send(message)
        with pytest.raises(InputError, match="E-SYS-317"):
            webhook.WebhookSender(settings).send(replace(message, mobile=None))
    with pytest.raises(SetupError, match="E-SYS-316"):
        webhook.WebhookSender(Settings(webhook_url=posts.url))
    strict = Settings(
        environment="production", webhook_url=posts.url, webhook_secret_file=tmp_path / "secret"
    )
    with pytest.raises(SetupError, match="https"):
        webhook.WebhookSender(strict)
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(SetupError, match="E-KEY-010"):
        webhook.WebhookSender(settings).send(message)


def test_mail_goes_encrypted_to_the_address_on_record(
    app: App, issued: list[str], tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.move(timedelta(days=1))
    person = letter(app, ordinary(app, issued)[0]).cadre
    contacts.record(app.parts, person, "qian.yangli@example.cn", by=CLERK)
    with pytest.raises(InputError, match="E-ACC-067"):
        contacts.record(app.parts, person, "a@b@c", by=CLERK)
    certificate = self_signed(tmp_path / "mail.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(certificate) as mails:
        made = with_settings(
            app,
            notify="smtp",
            smtp_host="127.0.0.1",
            smtp_port=mails.port,
            smtp_user="liangze",
            smtp_password_file=secret_file(tmp_path),
            smtp_from="office@example.cn",
        )
        reminders.remind(made.parts, [VILLAGE], by=CLERK, only=[person])
        work(made)
        mails.refuse = "550 no such user"
        sender = mail.MailSender(made.parts.settings)
        message = messages.Message("b" * 32, "new", None, "gone@example.cn", "通知", "一份", clock())
        with pytest.raises(InputError, match="E-SYS-315"):
            sender.send(message)
        mails.refuse = "451 later"
        with pytest.raises(ServiceError, match="E-SYS-313"):
            sender.send(message)
        with pytest.raises(InputError, match="E-SYS-314"):
            sender.send(replace(message, email=None))
    with pytest.raises(ServiceError, match="E-SYS-313"):  # nobody answers any more
        sender.send(message)
    assert mails.encrypted == [True]
    ((sender_address, to, data),) = mails.got
    assert (sender_address, to) == ("office@example.cn", "qian.yangli@example.cn")
    assert base64.b64decode(mails.logins[0]).decode() == f"\0liangze\0{SECRET}"
    read = email.message_from_bytes(data, policy=email.policy.default)
    assert "食品安全承诺书签署提醒" in read["Subject"] and notices(made)[-1].id in read["Message-ID"]
    assert "待您签署" in read.get_content()


def test_who_has_nothing_left_to_sign_gets_no_message(app: App, issued: list[str], clock: HandClock) -> None:
    clock.move(timedelta(days=1))
    one = ordinary(app, issued)[0]
    person = letter(app, one).cadre
    path = app.parts.settings.home / senders.FILE
    reminders.remind(app.parts, [VILLAGE], by=CLERK, only=[person])
    before = path.read_text()
    signing.sign_letters(app.parts, person, PIN, device="test", only=[one])
    with app.parts.sessions.begin() as session:
        stamping = session.scalars(select(Job.id).where(Job.state == "pending", Job.task != "notify")).all()
    while stamping:
        for job in stamping:
            jobs.run(app.parts, job, TASKS)
        with app.parts.sessions.begin() as session:
            stamping = session.scalars(
                select(Job.id).where(Job.state == "pending", Job.task.in_(("stamp", "archive", "todo")))
            ).all()
    app.drain()
    assert [one.state for one in notices(app) if one.person == person][-1] == "dropped"
    ids = {json.loads(line)["id"] for line in path.read_text().removeprefix(before).splitlines()}
    assert ids.isdisjoint(one.id for one in notices(app) if one.person == person)


def test_who_has_no_number_is_named_to_the_office_and_blocks_nobody(
    app: App, issued: list[str], tmp_path: Path, clock: HandClock
) -> None:
    clock.move(timedelta(days=1))
    person = letter(app, ordinary(app, issued)[0]).cadre
    with app.parts.sessions.begin() as session:
        for row in session.scalars(select(Cadre).where(Cadre.cadre == person)):
            row.mobile = None
    with gateway() as posts:
        made = with_settings(
            app, notify="webhook", webhook_url=posts.url, webhook_secret_file=secret_file(tmp_path)
        )
        reminders.remind(made.parts, [VILLAGE], by=CLERK)
        work(made)
    assert len(posts.got) == len(issued) - 1
    with made.parts.sessions.begin() as session:
        told = office.faults(session, [VILLAGE], clock())
        states = session.scalars(select(Job.state).where(Job.task == "notify")).all()
    assert told == ["收件人没有登记手机号，通知没有发出；请登记后再催办。"] and set(states) == {"done"}


def test_a_way_that_is_not_set_up_waits_and_only_the_newest_notice_leaves(
    app: App, issued: list[str], tmp_path: Path, clock: HandClock
) -> None:
    person = letter(app, ordinary(app, issued)[0]).cadre
    broken = with_settings(app, notify="webhook", webhook_url="")
    for _ in range(2):
        clock.move(timedelta(days=1))
        reminders.remind(broken.parts, [VILLAGE], by=CLERK, only=[person])
        work(broken)
    clock.move(timedelta(hours=2))
    with broken.parts.sessions.begin() as session:
        assert "LIANGZE_WEBHOOK_URL" in office.faults(session, [VILLAGE], clock())[0]
    with gateway() as posts:
        work(
            with_settings(
                app, notify="webhook", webhook_url=posts.url, webhook_secret_file=secret_file(tmp_path)
            )
        )
    assert len(posts.got) == 1
    assert [one.state for one in notices(app) if one.person == person][-2:] == ["dropped", "sent"]
