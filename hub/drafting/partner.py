"""An outline → the text of a partner's file: a draft that the hub leaves out until a person has looked at it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from connectors.reach import is_loopback
from hub.drafting import guess
from hub.drafting.guess import plain
from schemas.dossier import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.drafting.guess import Names
    from hub.drafting.outline import Field, Operation, Outline

UNKNOWN_ADDRESS = "https://sandbox.invalid"
_CODES = (
    "ma",
    "maketqua",
    "maloi",
    "code",
    "errorcode",
    "resultcode",
    "statuscode",
    "status",
    "ketqua",
    "result",
    "trangthai",
)
_ASKING = ("tracuu", "find", "get", "query", "status", "lookup", "check", "kiemtra", "trangthai")
_ROOMS = {
    "soap": (
        '# mẫu là một phong bì SOAP: có WSDL thì `partner new` với WSDL soạn room = "soap"; bảng chuyển đổi chỉ nói phần trong Body',
        '# the sample is a SOAP envelope: from the WSDL `partner new` drafts room = "soap"; a mapping says only what the Body holds',
    ),
    "gip": (
        '# mẫu là thông điệp GIP: phòng nối sẵn là room = "gip", mapping = "gip.data@1"; không cần bảng chuyển đổi này',
        '# the sample is a message of GIP: the room for it is room = "gip", mapping = "gip.data@1"; this mapping is not needed',
    ),
    "edxml": (
        '# mẫu là edXML: phòng nối sẵn là room = "edxml", mapping = "edxml.qcvn102@1"; không cần bảng chuyển đổi này',
        '# the sample is edXML: the room for it is room = "edxml", mapping = "edxml.qcvn102@1"; this mapping is not needed',
    ),
}
"""What is said of the room where the sample is a message of a protocol that has one."""
_FEW = 3
"""Fields that a question has at most."""


def room_of(outline: Outline) -> str:
    return "soap" if outline.kind == "wsdl" else "rest"


def drafted(outline: Outline, chosen: tuple[Operation, ...], known: Names, said: tuple[str, str, str]) -> str:
    """``known``: what fields may mean. ``said``: the partner's id, its agency's code and the mapping's reference."""
    return "\n".join(_lines(outline, chosen, known, said)) + "\n"


def _lines(
    outline: Outline, chosen: tuple[Operation, ...], known: Names, said: tuple[str, str, str]
) -> Iterator[str]:
    partner, agency, mapping = said
    yield "# Bản nháp: hub bỏ qua tệp này cho tới khi dòng dưới được xóa. Xem từng dòng; điều đối tác hứa (can_be_asked, keeps_keys) thì hỏi đối tác."
    yield "# A draft: the hub leaves this file out until the next line is deleted. Look at each line; ask the partner what it promises (can_be_asked,"
    yield "# keeps_keys). Every key: docs/reference/partner-file.md. Check: lienthong partner validate; then: lienthong partner probe."
    yield "draft = true"
    yield f"id = {_q(partner)}"
    yield f"agency = {_q(agency)}"
    yield f"room = {_q(room_of(outline))}"
    yield from _ROOMS.get(outline.speaks, ())
    yield from ("", "[name]", f"vi = {_q(partner)}", f"en = {_q(partner)}")
    yield from ("", "[stage]")
    yield 'default = "trial"                         # chỉ lưu lượng thử, cho tới khi `stage set … live` · trial traffic only, until then'
    yield from ("", "[receives]", 'kinds = ["received"]', *_wrapped("each of", [str(kind) for kind in Kind]))
    yield 'role = "decides"                          # "informed": nó chỉ được báo · it is only told'
    yield f"mapping = {_q(mapping)}"
    yield f"authority = {_q(agency)}"
    yield "can_be_asked = false                      # true: thao tác tra cứu dưới [receives.…find] chạy được · its question works"
    yield "keeps_keys = false                        # true: cùng khóa lần nữa thì nó trả lời như lần đầu · the same key again gets its first answer"
    yield '# sandbox = "https://…"                   # hệ thống thử của họ, cho `partner probe` · their test system'
    yield from _soap(outline, chosen, partner) if outline.kind == "wsdl" else _rest(outline, chosen, known)


def _address(outline: Outline) -> tuple[str, str]:
    """Return an address that may stand in the file, and what was said where it may not."""
    parts = urlsplit(outline.address)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.query:
        return UNKNOWN_ADDRESS, outline.address
    told = outline.address.partition("#")[0].rstrip("/")
    if parts.scheme == "http" and not is_loopback(host):
        return "https" + told[4:], outline.address
    return told, ""


def _based(outline: Outline) -> str:
    told, instead = _address(outline)
    note = f"  # bản mô tả ghi · the description says {_plain(instead)}" if instead else ""
    return f"base_url = {_q(told)}{note}"


def _soap(outline: Outline, chosen: tuple[Operation, ...], partner: str) -> Iterator[str]:
    yield from ("", "[receives.soap]", f"wsdl = {_q(f'{partner}@1')}", _based(outline))
    if outline.version != "1.1":
        yield f"version = {_q(outline.version)}"
    if outline.ports > 1:
        yield from (f"service = {_q(outline.service)}", f"port = {_q(outline.port)}")
    for operation in chosen:
        yield from _wants(operation)
        yield from _answer(operation)
    yield from _question(outline, chosen)


def _wants(operation: Operation) -> Iterator[str]:
    """What a call must bring beside the message; which of it the room can be told is in its reference."""
    if operation.wants:
        told = _plain(", ".join(operation.wants))
        yield f"# {_plain(operation.name)} còn đòi · also wants: {told}"


def _answer(operation: Operation) -> Iterator[str]:
    """What the reply holds, and a status that may be meant by it."""
    answers = operation.answers
    if answers is None:
        yield f"# {_plain(operation.name)} trả lời rỗng · answers nothing"
        return
    yield f"# {_plain(operation.name)} trả lời · answers {_plain(answers.name)}:"
    paths = [(path, field) for path, field in answers.elements() if "-" not in path]
    for path, field in paths[:30]:
        yield f"#   {_plain(path)}  {_plain(field.type)} {_plain(' '.join(field.values[:10]))}".rstrip()
    if any(not field.fields for _, field in paths):
        code, taken = _status([(path, field) for path, field in paths if not field.fields])
        yield f"# status = {{ code = {_q(code)}, delivered = {taken} }}   # bắt buộc · required: mã nào nghĩa là đã nhận · which codes mean taken"
        yield "# any_output = true                       # hoặc · or: trả lời nào cũng là đã nhận, họ hứa thế · they promise that any answer means taken"
    yield '# reference = "…"                        # phần tử mang mã của họ · the element with their own id'


def _status(leaves: list[tuple[str, Field]]) -> tuple[str, str]:
    """The element that may hold the code, or the only yes or no, and the codes that may mean taken."""
    named = [(path, field) for path, field in leaves if _last(path) in _CODES]
    yes = [(path, field) for path, field in leaves if field.type.rpartition(":")[2] == "boolean"]
    path, field = (named or yes or [*leaves])[0]
    return path, '["true", "1"]' if (path, field) in yes else '["0"]'


def _question(outline: Outline, chosen: tuple[Operation, ...]) -> Iterator[str]:
    """An operation by which the partner may be asked, proposed as comments: it is the partner's promise, not our guess."""
    for each in outline.operations:
        asks = any(word in plain(each.name) for word in _ASKING) and each.takes.leaves <= _FEW
        if each in chosen or not asks or each.answers is None or not each.takes.fields:
            continue
        first = next((path for path, _ in each.takes.elements()), "")
        element = _coded(each.answers)
        yield from (
            "",
            f"# [receives.soap.find]                    # {_plain(each.name)}: có phải thao tác tra cứu? · is it the question?",
        )
        yield f"# operation = {_q(each.name)}"
        yield f'# arguments = {{ {_plain(first)} = "key" }}'
        yield f"# element = {_q(element)}"
        return


def _coded(answers: Field) -> str:
    paths = [path for path, _ in answers.elements()]
    return next((path for path in paths if _last(path) in _CODES), paths[0] if paths else "")


def _last(path: str) -> str:
    return plain(path.rpartition(".")[2])


def _rest(outline: Outline, chosen: tuple[Operation, ...], known: Names) -> Iterator[str]:
    yield from ("", "[receives.rest]", _based(outline))
    paths = {each.name: _template(each, known) for each in chosen if each.path}
    if outline.media == "xml":
        yield 'media_type = "application/xml"'
    if any("{" in path for path in paths.values()):
        yield "# trong đường dẫn chỉ có thể là {key}, {operation}, {dossier}: thay tên khác bằng một trong số ấy · only these may stand in braces: put one of them for any other name"
    first = next(iter(paths.values()), "/")
    yield f"path = {_q(first)}"
    if len(set(paths.values())) > 1:
        inside = ", ".join(f"{_q(name)} = {_q(path)}" for name, path in paths.items())
        yield f"paths = {{ {inside} }}"
    yield from _method({each.method for each in chosen if each.method})
    for each in chosen:
        yield from _wants(each)
        if each.answers is not None:
            yield f"# {_plain(each.name)} trả lời · answers: " + _plain(
                ", ".join(path for path, _ in list(each.answers.paths())[:20])
            )
    yield '# reply = { code = "/code", message = "/message", reference = "/reference" }'
    yield '# find = { path = "/…/{key}", key = "/…" }     # hỏi theo khóa · ask by key'


def _method(methods: set[str]) -> Iterator[str]:
    told = sorted(methods)
    if len(told) > 1:
        yield f"# {', '.join(told)}: một đối tác một phương thức; thao tác khác cần tệp riêng · one partner, one method: the others need a file of their own"
    if told and told != ["POST"]:
        yield f"method = {_q(told[-1])}"


def _template(operation: Operation, known: Names) -> str:
    """What a description puts into braces is said by the field of that name in the body; what no field says stays, and the check asks a person."""
    fields = {field.name: field for field in _single(operation.takes)}

    def meant(found: re.Match[str]) -> str:
        field = fields.get(found[1])
        if field is not None and guess.is_key(field, known):
            return "{key}"
        coded = field is not None and known.of(field.name)[:1] == ("dossier.code",)
        return "{dossier}" if coded else found[0]

    made = re.sub(r"\{([^{}]*)\}", meant, operation.path)
    return made if made.startswith("/") else f"/{made}"


def _single(field: Field) -> Iterator[Field]:
    """Fields that are there once."""
    for each in field.fields:
        if not each.many:
            yield each
            yield from _single(each)


def _wrapped(head: str, words: list[str]) -> Iterator[str]:
    line = f"# {head}:"
    for word in words:
        if len(line) + len(word) > 110:  # noqa: PLR2004 - a line of the file
            yield line
            line = "#  "
        line += f" {word}"
    yield line


def _q(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:300]
