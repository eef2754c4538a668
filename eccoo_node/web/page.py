"""Answering with a page, or sending the reader on to one."""

import base64
from typing import Any

from litestar import Response
from litestar.enums import MediaType

from eccoo_node.web.ask import AnyRequest, Ask, ask_of

Page = Response[bytes]
_NOTICE_S = 120
_NOTICE_LENGTH = 300


def render(
    request: AnyRequest, template: str, *, status: int = 200, values: dict[str, Any] | None = None, **context: Any
) -> Page:
    """The page as the template makes it. `values` fills a form's fields before anyone has typed in them."""
    ask = ask_of(request)
    if values and not ask.values:
        ask.values = {name: _as_typed(value) for name, value in values.items()}
    ask.notice = ask.notice or _take_notice(ask)
    environment = ask.site.skin().environment
    body = environment.get_template(template).render(
        context
        | {
            "path": ask.path,
            "session": ask.session,
            "nav": [item for item in ask.site.nav if ask.session is not None and item.shown_to(ask.session)],
            "notice": ask.notice,
            "sent": ask.scope["method"] == "POST",
            "errors": ask.errors,
        }
    )
    # What a signed-in person reads must not stay in a browser that others use.
    keep = "no-store" if ask.session is not None else "private, no-cache"
    page = Response(body.encode(), status_code=status, media_type=MediaType.HTML, headers={"cache-control": keep})
    if ask.sets_form_secret:
        _cookie(ask, page, ask.site.form_cookie, ask.form_secret, 60 * 60 * 24)
    if ask.site.notice_cookie in ask.cookies:
        _cookie(ask, page, ask.site.notice_cookie, "", 0)
    return page


def redirect(request: AnyRequest, path: str, notice: str = "") -> Response[Any]:
    """Send the reader on to another page of ours, with a plain sentence that the next page shows once."""
    ask = ask_of(request)
    answer: Response[Any] = Response(
        b"", status_code=303, media_type=MediaType.HTML,
        headers={"location": ask.site.url(path), "cache-control": "no-store"},
    )  # fmt: skip
    if notice:
        text = base64.urlsafe_b64encode(notice[:_NOTICE_LENGTH].encode()).decode().rstrip("=")
        _cookie(ask, answer, ask.site.notice_cookie, text, _NOTICE_S)
    return answer


def as_file(name: str, *, shown: bool = False) -> dict[str, str]:
    """The headers of an answer that is a file of this name: to be kept, or shown in the browser; never in a cache."""
    how = "inline" if shown else "attachment"
    return {"content-disposition": f'{how}; filename="{name}"', "cache-control": "no-store"}


def _take_notice(ask: Ask) -> str:
    text = ask.cookies.get(ask.site.notice_cookie, "")
    try:
        # Shown as text, escaped: the worst that a planted cookie can do is to say something untrue for two minutes.
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()[:_NOTICE_LENGTH]
    except ValueError:
        return ""


def _cookie(ask: Ask, answer: Response[Any], name: str, value: str, lasts_s: int) -> None:
    answer.set_cookie(
        key=name, value=value, max_age=lasts_s, path=ask.site.cookie_path,
        secure=ask.site.secure, httponly=True, samesite="lax",
    )  # fmt: skip


def _as_typed(value: Any) -> list[str]:
    if value is None or value is False:
        return []
    if value is True:
        return ["yes"]
    if isinstance(value, str | int):
        return [str(value)]
    return [str(one) for one in value]
