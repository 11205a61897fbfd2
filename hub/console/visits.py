"""One browser at the pages: its cookies, what it prefers, and what every answer to it carries."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from starlette.responses import Response

from hub.console.gate import stamped
from hub.console.render import LANGUAGES, THEMES
from hub.settings.values import is_loopback
from schemas.problems import refuse

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.console.forms import Form
    from hub.console.parts import Agency
    from hub.store.contract.people import Officer
    from schemas.errors import Language

ROOT = "/office"
SESSION, STRANGER, LANGUAGE, THEME = (
    "lienthong-session",
    "lienthong-visit",
    "lienthong-language",
    "lienthong-theme",
)
YEAR = 365 * 86_400
STALE = "HUB-OFF-003"
POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
"""Of every page: nothing in it runs, nothing is fetched from elsewhere, nothing of it is kept."""
OWN_SITE = frozenset({"", "same-origin", "none"})
"""``Sec-Fetch-Site`` of a form that was filled in here; old browsers say nothing."""


class Visit(NamedTuple):
    """``token``: the cookie by which this browser's forms are stamped: the session's, or before that a stranger's."""

    request: Request
    language: Language
    theme: str
    secure: bool
    token: str
    officer: Officer | None = None
    agency: Agency | None = None


class Work(NamedTuple):
    """A visit of somebody who is signed in."""

    visit: Visit
    officer: Officer
    agency: Agency


def secure(request: Request, base: str) -> bool:
    """Whether cookies travel over TLS only: everywhere but on this machine itself."""
    return base.startswith("https:") or not is_loopback(request.url.hostname or "")


def name_of(cookie: str, *, secure: bool) -> str:
    """A browser takes ``__Host-`` only from this very host, over TLS, for all of it (RFC 6265bis §4.1.3.2)."""
    return f"__Host-{cookie}" if secure else cookie


def cookie(request: Request, name: str, *, secure: bool) -> str:
    return request.cookies.get(name_of(name, secure=secure), "")


def preferred(request: Request, default: Language, *, secure: bool) -> tuple[Language, str]:
    """Return language and theme as this browser chose them."""
    said = cookie(request, LANGUAGE, secure=secure)
    theme = cookie(request, THEME, secure=secure)
    language: Language = "en" if said == "en" else "vi" if said == "vi" else default
    return language, theme if theme in THEMES else THEMES[0]


def keep(response: Response, visit: Visit, name: str, value: str, *, age: int | None = None) -> None:
    response.set_cookie(
        name_of(name, secure=visit.secure),
        value,
        max_age=age,
        path="/",
        secure=visit.secure,
        httponly=True,
        samesite="strict",
    )


def drop(response: Response, visit: Visit, name: str) -> None:
    keep(response, visit, name, "", age=0)


def page(html: str, visit: Visit, status: int = HTTPStatus.OK) -> Response:
    headers = {**HEADERS, "Content-Language": visit.language}
    return Response(html, status_code=status, media_type="text/html", headers=headers)


def go(address: str) -> Response:
    """See other (RFC 9110 §15.4.4): a page that is loaded again sends nothing again."""
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": address})


def own(address: str) -> str:
    """Return an address of these pages; the first one for any other."""
    whole = address.isascii() and address.isprintable() and not set(address) & set('\\"<> ')
    inside = address == ROOT or address.startswith((f"{ROOT}/", f"{ROOT}?"))
    return address if whole and inside else ROOT


def check_stamp(visit: Visit, form: Form) -> None:
    """Raise ``Refusal`` HUB-OFF-003 for a form that this browser was not given here."""
    if visit.request.headers.get("sec-fetch-site", "") not in OWN_SITE or not stamped(
        visit.token, form["stamp"]
    ):
        raise refuse(STALE)


def chosen(form: Form) -> list[tuple[str, str]]:
    """Return what a browser is to remember of its preferences."""
    found = ((LANGUAGE, form["language"], LANGUAGES), (THEME, form["theme"], THEMES))
    return [(name, said) for name, said, allowed in found if said in allowed]


def escaped(part: str) -> str:
    return quote(part, safe="")
