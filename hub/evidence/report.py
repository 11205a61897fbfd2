"""What the hub found when it wrote a bundle: for programs as JSON, for people as one page in both languages."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta, timezone
from functools import cache
from html import escape as escaped
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hub.evidence import papers
from hub.evidence.papers import Index, Message, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hub.evidence.parts import Holds

Language = Literal["vi", "en"]
_HERE = timezone(timedelta(hours=7))
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.35rem .5rem;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}h2{margin-top:2.5rem}.warn{border-left:4px solid #b00020;padding-left:.75rem}"
)


@cache
def _words() -> Any:  # noqa: ANN401 - a TOML file
    return tomllib.loads((resources.files("hub.evidence") / "words.toml").read_text("utf-8"))


def say(language: str, word: str, **values: str) -> str:
    """``word``: its path in ``words.toml``."""
    group, name = word.split(".")
    told: str = _words()[group][name][language]
    return told.format(**values)


def escape(text: str) -> str:
    """Write what anybody may have written, so that it stays text and rewrites nothing around it."""
    return escaped("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text))


def as_json(index: Index, holds: Sequence[Holds]) -> bytes:
    told = {"about": index.about, "id": index.id, "made_at": index.made_at, "holds": holds}
    return msgspec.json.format(msgspec.json.encode(told), indent=1)


def as_page(files: Mapping[str, bytes], index: Index, holds: Sequence[Holds]) -> bytes:
    """Return a page that needs nothing else: no script, no address, no other file."""
    body = "".join(
        f'<section lang="{each}">{_part(files, index, holds, each)}</section>' for each in ("vi", "en")
    )
    title = escape(say("vi", "page.title", about=say("vi", f"page.{index.about}"), id=index.id))
    return (
        f'<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    ).encode()


def _part(files: Mapping[str, bytes], index: Index, holds: Sequence[Holds], language: Language) -> str:
    def told(word: str, **values: str) -> str:
        return escape(say(language, f"page.{word}", **values))

    heading = told("title", about=say(language, f"page.{index.about}"), id=index.id)
    return "".join(
        (
            f"<h1>{heading}</h1><p>{told('made', at=_moment(index.made_at), version=index.version)}</p>",
            f"<p>{told('contents', **_counted(index, holds))}</p>",
            f'<p class="warn">{told("how")}</p><p class="warn">{told("personal")}</p>',
            *_messages(files, index, language),
            *_transfers(files, index, language),
            f"<h2>{told('checks')}</h2>",
            _table([told("check"), told("about"), told("at")], _checks(holds, language)),
        )
    )


def _counted(index: Index, holds: Sequence[Holds]) -> dict[str, str]:
    counted = {"messages": index.messages, "transfers": index.transfers, "holds": holds}
    return {name: str(len(each)) for name, each in counted.items()}


def _messages(files: Mapping[str, bytes], index: Index, language: Language) -> Iterator[str]:
    for id_ in index.messages:
        one = msgspec.json.decode(files[papers.of_message(id_, "message.json")], type=Message)
        rows = {
            "sender": one.sender,
            "kind": f"{say(language, f'kind.{one.kind}')} ({one.kind})",
            "accepted": _moment(one.accepted_at),
            "bytes": one.sha256 if one.content else say(language, "page.absent", why=one.absent),
        }
        yield _section(say(language, "page.message"), id_, rows, language)


def _transfers(files: Mapping[str, bytes], index: Index, language: Language) -> Iterator[str]:
    for id_ in index.transfers:
        one = msgspec.json.decode(files[papers.of_transfer(id_, "transfer.json")], type=Transfer)
        rows = {
            "recipient": one.partner,
            "state": f"{say(language, f'state.{one.state}')} {one.problem}",
            "of": one.message,
            "settled": _moment(one.settled_at) if one.settled_at else "–",
            "bytes": one.sha256 if one.content else say(language, "page.absent", why=one.absent or "–"),
        }
        yield _section(say(language, "page.transfer"), id_, rows, language)


def _section(what: str, id_: str, rows: Mapping[str, str], language: Language) -> str:
    told = [[escape(say(language, f"page.{name}")), escape(value)] for name, value in rows.items()]
    return f"<h2>{escape(what.capitalize())} {escape(id_)}</h2>{_table([], told)}"


def _checks(holds: Sequence[Holds], language: Language) -> list[list[str]]:
    rows = []
    for one in holds:
        how = say(language, "page.proved" if one.proved else "page.claimed")
        when = f"{_moment(one.at)} ({how})" if one.at else "–"
        rows.append([escape(say(language, f"check.{one.check}")), escape(one.about), escape(when)])
    return rows


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = f"<tr>{''.join(f'<th>{each}</th>' for each in heads)}</tr>" if heads else ""
    return f"<table>{head}{''.join('<tr>' + ''.join(f'<td>{cell}</td>' for cell in row) + '</tr>' for row in rows)}</table>"


def _moment(at: datetime) -> str:
    return at.astimezone(_HERE).strftime("%d/%m/%Y %H:%M:%S +07:00")
