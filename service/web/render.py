"""Pages: Jinja2 with autoescape and strict undefined names; `render` gives every page what the frame needs."""

import mimetypes
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from service.clock import CHINA
from service.web import cookies, csrf, menu
from service.web.access import visitor_of
from service.web.assets import SHEET
from service.web.site import site_of
from service.workflows.access.roles import TITLES, Role

VIEWS = Path(__file__).parent / "views"
_HERE = frozenset("/")


@cache
def environment() -> Environment:
    """Return the templates' environment, whose views are compiled once for all sites of a process."""
    made = Environment(
        loader=FileSystemLoader(VIEWS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": moment, "day": day, "role": lambda role: TITLES[Role(role)]}
    return made


def render(request: Request, view: str, /, status: int = 200, **values: Any) -> HTMLResponse:
    """Return the page `views/<view>` with `values`.

    Every view may also use: `person` (or None), `csrf` (token), `to(path)`, `static(file)`, `sheet()` (the text of the
    style sheet), `menu`, `here`, `demo`, and `notice`, a sentence that the former page left (see `go`).
    """
    site = site_of(request)
    person = visitor_of(request)
    known = {
        "request": request,
        "person": person,
        "csrf": csrf.token(request),
        "to": site.path,
        "sheet": lambda: Markup(site.assets.text(SHEET)),  # noqa: S704 - a file of our own
        "static": lambda file: site.path(f"/static/{site.assets.name(file)}"),
        "menu": menu.of(person),
        "here": request.url.path.removeprefix(site.settings.root_path) or "/",
        "demo": site.parts.demo,
        "notice": NOTICES.get(request.query_params.get("done", "")),
    }
    response = HTMLResponse(site.templates.get_template(view).render(known | values), status)
    seed = getattr(request.state, "visitor", "")
    if seed:
        cookies.put(response, site.settings, cookies.VISITOR, seed)
    return response


def go(request: Request, path: str, done: str = "") -> RedirectResponse:
    """Return a redirect to a path of the site after something was done; `done` names a sentence of NOTICES."""
    if done:
        path += ("&" if "?" in path else "?") + f"done={done}"
    return RedirectResponse(site_of(request).path(path), status_code=303)


def attachment(data: bytes, name: str, media_type: str = "") -> Response:
    """Return a file to be kept under a (Chinese) name; its type is told by the name."""
    kind = media_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(data, media_type=kind, headers=headers)


def inside(path: str) -> str:
    """Return `path` if it is a path of this site, else the home page: no redirect leads elsewhere."""
    fine = (
        path.startswith("/")
        and not path.startswith(("//", "/\\"))
        and path.isprintable()
        and "\\" not in path
    )
    return path if fine else "/"


def moment(value: datetime | None) -> str:
    """Return an instant as Chinese pages show it, in China's time."""
    return value.astimezone(CHINA).strftime("%Y-%m-%d %H:%M") if value else "—"


def day(value: date | None) -> str:
    """Return a day as pages show it."""
    return value.isoformat() if value else "—"


NOTICES = {
    "saved": "已保存。",
    "password": "密码已更改。",
    "totp": "动态口令已启用。",
    "left": "您已安全退出。",
    "ended": "会话已结束。",
    "made": "账号已新建。",
    "disabled": "账号已停用。",
    "enabled": "账号已启用。",
    "confirmed": "已记录身份核对。",
    "pin": "签名密码已设置，请牢记：系统不保存它，也没有人能替您找回。",
    "signed": "这些文书已经签过，不必重复签署。",
    "planned": "已起草。排版在后台进行，可以离开本页。",
    "sealed": "已用印，正在加盖时间戳并存档；存档后干部即可签署。",
    "compiled": "已按今天的登记簿编制；内容没有变的，就是原来那一版。",
    "drafted": "已编制，待另一人批准。",
    "adjusted": "已批准，包保关系自今天起变动。",
    "withdrawn": "已撤回。",
    "assigned": "包保关系已分配。",
    "dropped": "已放弃，文件已清除。",
    "voided": "作废决定已签署，正在存档。",
    "paper_voided": "已作废：这份文书的二维码今后都显示“已作废”。",
    "voids": "所选文书的作废决定已签署，正在存档。",
    "reissued": "新文书已用印，旧文书由它替代；正在存档。",
    "reminded": "已催办：今天还没有通知过的人都会收到提醒。",
    "reminded_before": "今天都已通知过，每人每天只通知一次。",
    "reopened": "已继续流转，重新等候签署。",
    "refused": "已记录您的意见，文书已退回经办单位处理。",
    "scanned": "扫描件已登记，等候另一人核对确认。",
    "unscanned": "扫描件已退回，请重新扫描。",
    "paper": "已确认为纸质签订并存入档案；单独统计，不是电子签名。",
    "uploaded": "已登记平台上传。",
    "renamed": "姓名已更正：证书已换发，原承诺书停止流转，等候印章保管人重新制发。",
    "appointed": "主要负责人已更换：尚未监督签署的承诺书转由新任签署，干部的签名保留。",
    "asked": "申请已提出，待另一人批准。",
    "not_approved": "已记录不批准及理由。",
    "phone": "手机号已更正，原链接与会话已失效；请重新核对身份后发放新链接。",
}
"""Sentences that a page shows after something was done; an address carries only their names."""
