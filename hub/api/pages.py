"""The catalogue of errors as pages: what ``type`` in a problem document leads to. Served by the hub itself, offline."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.errors import Catalogue, Entry, Language

LABELS = {
    "cause": {"vi": "Nguyên nhân", "en": "Cause"},
    "you": {"vi": "Bên gửi làm gì", "en": "What you do"},
    "operator": {"vi": "Đơn vị vận hành làm gì", "en": "What the operator does"},
    "retry": {"vi": "Gửi lại", "en": "Send again"},
}
RETRY = {
    "yes": {"vi": "được, nguyên nội dung cũ", "en": "yes, the same bytes"},
    "no": {"vi": "không", "en": "no"},
    "after_fix": {"vi": "sau khi sửa", "en": "after mending it"},
}
TITLE = {"vi": "Danh mục lỗi", "en": "Error catalogue"}

_STYLE = ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}dt{font-weight:600;margin-top:1rem}code{font-size:.95em}"


def _page(title: str, body: str, say: Language) -> str:
    return (
        f'<!doctype html><html lang="{say}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>{body}</body></html>'
    )


def entry(told: Entry, say: Language) -> str:
    """One code, as HTML."""
    parts = [
        (LABELS["cause"][say], told.cause.say(say)),
        (LABELS["you"][say], told.you.say(say)),
        (LABELS["operator"][say], told.operator.say(say)),
        (LABELS["retry"][say], RETRY[told.retry][say]),
        ("HTTP / SOAP", f"{told.status} / {told.soap}"),
    ]
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in parts)
    title = told.title.say(say)
    back = escape(TITLE[say])
    return _page(
        f"{told.code} {title}",
        f'<p><a href="../errors">{back}</a></p><h1><code>{told.code}</code> {escape(title)}</h1><dl>{rows}</dl>',
        say,
    )


def index(catalogue: Catalogue, say: Language) -> str:
    """Every code with its title, as HTML."""
    rows = "".join(
        f'<li><a href="errors/{code}"><code>{code}</code></a> {escape(told.title.say(say))}</li>'
        for code, told in sorted(catalogue.entries.items())
    )
    return _page(TITLE[say], f"<h1>{escape(TITLE[say])}</h1><ul>{rows}</ul>", say)
