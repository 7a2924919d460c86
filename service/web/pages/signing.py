"""Signing on a phone: the list, reading, drawing, looking at what was drawn, the PIN, the receipt.

Every page works without scripts but the drawing; who cannot draw signs with the printed name. Nothing here holds
state: a letter's steps do, so that going back, a bad network or a second tap is harmless.
"""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import ConflictError, ForbiddenError, InputError, ServiceError
from service.registry import query
from service.web.access import person_of, require
from service.web.pages.sign_in import agent_of
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, drawings, gallery, handing_over, preparing, reading, signing
from service.workflows.access import identity
from service.workflows.access.roles import Role
from service.workflows.parts import Parts
from service.workflows.todo import deadlines

SIGNERS = (Role.CADRE, Role.LEADER)
Pin = Annotated[str, Form(max_length=12)]
Letters = Annotated[list[str], Form(max_length=5000)]
Steps = Annotated[list[int], Form(max_length=5000)]

pages = APIRouter(include_in_schema=False)


@pages.get("/sign", dependencies=[require(*SIGNERS)])
def listed(request: Request) -> Response:
    """List what waits for the signer, and what they have signed this year."""
    parts, me = _parts_and_me(request)
    board = handing_over.board_of(parts, me)
    with site_of(request).reader.begin() as session:
        due = deadlines.earliest(session, me, parts.clock())
    late = due is not None and due < parts.clock()
    going = preparing.of(parts, me)
    return show_signer(request, "sign_list.html", board=board, due=due, late=late, going=going)


@pages.get("/sign/pin", dependencies=[require(*SIGNERS)])
def choose_pin(request: Request) -> Response:
    """Ask for the six digits that will stand for the signer's will."""
    return show_signer(request, "sign_pin.html", fault="")


@pages.post("/sign/pin", dependencies=[require(*SIGNERS)])
def set_pin(request: Request, pin: Pin, again: Pin) -> Response:
    """Make the signer's key and certificate under the PIN."""
    parts, me = _parts_and_me(request)
    try:
        if pin != again:
            raise InputError("E-WEB-040", "两次输入的签名密码不一致，请重新输入。")
        if handing_over.is_certified(parts, me):
            raise ConflictError("E-WEB-041", "您已经设置过签名密码；忘记了请联系经办人。")
        identity.activate(parts, person_of(request), pin)
    except ServiceError as fault:
        return show_signer(request, "sign_pin.html", status=422, fault=fault.message)
    return go(request, "/sign", "pin")


@pages.get("/sign/letters/{letter}", dependencies=[require(*SIGNERS)])
def letter_page(request: Request, letter: str) -> Response:
    """Show a letter as pictures of the very bytes, with its words and the cadre's entities."""
    parts, me = _parts_and_me(request)
    shown = reading.read_head(parts, letter, me)
    on = china_day(parts.clock())
    mine = {one.letter: one for one in signing.waiting_for(parts, me)}
    with site_of(request).reader.begin() as session:
        rows = query.cadre_rows(session, shown.cadre, on)
    return show_signer(request, "sign_letter.html", shown=shown, rows=rows, waiting=mine.get(letter))


@pages.get("/sign/letters/{letter}/page", dependencies=[require(*SIGNERS)])
def picture(request: Request, letter: str, digest: str, n: int, w: int = gallery.WIDTH) -> Response:
    """Send one page as a picture; a digest's picture never changes, so the signer's browser may keep it."""
    parts, me = _parts_and_me(request)
    drawn = reading.picture(parts, letter, me, digest, n, w)
    return Response(drawn, media_type="image/png", headers={"Cache-Control": "private, max-age=86400"})


@pages.post("/sign/draw", dependencies=[require(*SIGNERS)])
def draw(request: Request, letter: Letters) -> Response:
    """Ask for the drawn signature that goes on the chosen letters."""
    return show_signer(request, "sign_draw.html", letters=letter, fault="")


@pages.post("/sign/prepare", dependencies=[require(*SIGNERS)])
def prepare(
    request: Request,
    letter: Letters,
    strokes: Annotated[str, Form(max_length=600_000)] = "",
    name: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Prepare the chosen letters with the signature on them; the PIN is asked for on the next page."""
    parts, me = _parts_and_me(request)
    try:
        drawn = drawings.read_strokes(strokes.encode()) if strokes else None
        if not drawn and name.strip() != person_of(request).name:
            raise InputError("E-WEB-042", "请手写签名；不便手写的，请准确输入您的姓名代替。")
        made = preparing.ask(parts, me, letter, drawn or None)  # the next page shows all that is prepared
    except ServiceError as fault:
        return show_signer(request, "sign_draw.html", status=422, letters=letter, fault=fault.message)
    if made is None:  # a worker is at it
        return go(request, "/sign/confirm")
    if made.left and made.ready:
        return _confirm(request, "未能列入的：" + "；".join(made.left))
    if made.left:
        return show_signer(request, "sign_draw.html", status=422, letters=letter, fault="；".join(made.left))
    return go(request, "/sign/confirm") if made.ready else go(request, "/sign", "signed")


@pages.get("/sign/confirm", dependencies=[require(*SIGNERS)])
def confirm(request: Request) -> Response:
    """Show the prepared revisions, and ask for consent and PIN."""
    return _confirm(request, "")


@pages.post("/sign/confirm", dependencies=[require(*SIGNERS)])
def approve(
    request: Request, step: Steps, pin: Pin, consent: Annotated[str, Form(max_length=3)] = ""
) -> Response:
    """Sign what was shown; a repetition finds it signed already."""
    parts, me = _parts_and_me(request)
    if handing_over.are_approved(parts, me, step):
        return go(request, "/sign/done")
    try:
        _require_consent(consent)
        seen = handing_over.opened_steps(parts, me, step)
        signing.approve_letters(parts, me, pin, step, device=agent_of(request)[:120], opened=seen)
        preparing.forget(parts, me)
    except (ForbiddenError, InputError, ConflictError) as fault:
        return _confirm(request, fault.message)
    return go(request, "/sign/done")


@pages.get("/sign/done", dependencies=[require(*SIGNERS)])
def done(request: Request) -> Response:
    """Show how far the signed letters are; the page asks again by itself until all are in the archive."""
    parts, me = _parts_and_me(request)
    return show_signer(request, "sign_done.html", board=handing_over.board_of(parts, me))


@pages.get("/sign/letters/{letter}/file", dependencies=[require(*SIGNERS)])
def file(request: Request, letter: str) -> Response:
    """Send the newest logged revision as a file."""
    parts, me = _parts_and_me(request)
    number, data = handing_over.newest(parts, letter, me)
    return _attachment(f"{number}.pdf", data, "application/pdf")


@pages.get("/sign/letters/{letter}/receipt", dependencies=[require(*SIGNERS)])
def receipt(request: Request, letter: str) -> Response:
    """Send the archive's receipt of the newest logged revision."""
    parts, me = _parts_and_me(request)
    number, data = handing_over.receipt_of(parts, letter, me)
    return _attachment(f"{number}.tlog-proof", data, "text/plain; charset=utf-8")


def _require_consent(consent: str) -> None:
    if consent != "yes":
        raise InputError("E-WEB-043", "请勾选“我已阅读并同意”后再签名。")


def _confirm(request: Request, fault: str) -> Response:
    parts, me = _parts_and_me(request)
    going = preparing.of(parts, me)
    if going is not None and going.busy:
        return show_signer(request, "sign_preparing.html", going=going)
    if going is not None and going.left:
        fault = fault or "未能列入的：" + "；".join(going.left)
    ready = signing.ready_for(parts, me)
    if not ready and going is not None and fault:
        letters = list(going.letters)
        return show_signer(request, "sign_draw.html", status=422, letters=letters, fault=fault)
    if not ready:
        return go(request, "/sign/done")
    shown = reading.read_prepared(parts, ready[0].step, me) if len(ready) == 1 else None
    seen = handing_over.opened_steps(parts, me, [one.step for one in ready])
    return show_signer(
        request,
        "sign_confirm.html",
        status=422 if fault else 200,
        ready=ready,
        shown=shown,
        seen=seen,
        fault=fault,
    )


def show_signer(request: Request, view: str, *, status: int = 200, **values: object) -> Response:
    """Return a page of a signer, with whose it is and whether they have a certificate."""
    here = site_of(request)
    with here.reader.begin() as session:
        names = browsing.names(session, china_day(here.parts.clock()))
    parts, me = _parts_and_me(request)
    certified = handing_over.is_certified(parts, me)
    return render(request, view, status, names=names, certified=certified, **values)


def _parts_and_me(request: Request) -> tuple[Parts, str]:
    person = person_of(request)
    if person.cadre is None:
        raise ForbiddenError("E-WEB-044", "这个账号不是签署人的账号。")
    return site_of(request).parts, person.cadre


def _attachment(name: str, data: bytes, kind: str) -> Response:
    where = f"attachment; filename=\"letter\"; filename*=UTF-8''{quote(name)}"
    return Response(data, media_type=kind, headers={"Content-Disposition": where})
