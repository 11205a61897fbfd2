"""``errors.md``, from the error catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import errors
from tools.reference.markdown import page, table

if TYPE_CHECKING:
    from tools.reference.meanings import Meanings

RETRY: dict[str, str] = {
    "yes": "gửi lại được · may be sent again",
    "no": "không gửi lại · not to be sent again",
    "after_fix": "gửi lại sau khi sửa · send again once mended",
}


def errors_page(_words: Meanings) -> str:
    found = errors.load().entries
    areas = list(dict.fromkeys(code[4:7] for code in sorted(found)))
    listed = [
        (f"[{code}](#{code.lower()})", found[code].title.vi, found[code].title.en, str(found[code].status))
        for code in sorted(found)
    ]
    return page(
        "Mã lỗi · Error codes",
        "`schemas/errors/`",
        "Mã lỗi không bao giờ đổi nghĩa và không dùng lại. Cùng một danh mục trả lời ở API, SOAP, dòng lệnh (`lienthong error explain"
        " HUB-SCH-007`) và `GET /errors/{code}`.\n\n"
        "A code never changes its meaning and is never used again. The same catalogue answers in the API, in SOAP faults, on the command"
        " line and under `GET /errors/{code}`.",
        "Nhóm · Areas: " + " · ".join(f"[{area}](#{area.lower()})" for area in areas),
        table(("Mã · Code", "Tên", "Title", "HTTP"), listed),
        *(_area(area, [found[code] for code in sorted(found) if code[4:7] == area]) for area in areas),
    )


def _area(area: str, entries: list[errors.Entry]) -> str:
    return "\n\n".join([f"## {area}", *(_entry(entry) for entry in entries)])


def _entry(entry: errors.Entry) -> str:
    rows = [
        ("Nguyên nhân · Cause", entry.cause),
        ("Bên gửi làm gì · You", entry.you),
        ("Người vận hành làm gì · Operator", entry.operator),
    ]
    facts = f"HTTP {entry.status} · SOAP `{entry.soap}` · {RETRY[entry.retry]} · {entry.since}"
    told = table(
        ("", "Tiếng Việt", "English"),
        [("Tên · Title", entry.title.vi, entry.title.en), *((name, said.vi, said.en) for name, said in rows)],
    )
    return f"### {entry.code}\n\n{facts}\n\n{told}"
