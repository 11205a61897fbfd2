"""``mappings.md``, from the mapping tables: what is said, and what is lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hub.story import spoken
from schemas import mapping
from schemas.table import Table, read_table
from tools.reference.markdown import code, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.reference.meanings import Meanings

MAPPINGS = Path(mapping.__file__).with_name("mappings")


def mappings_page(_words: Meanings) -> str:
    tables = [read_table(path) for path in sorted(MAPPINGS.glob("*.toml"))]
    return page(
        "Bảng chuyển đổi · Mappings",
        "`schemas/mappings/`",
        "Mỗi trường của khuôn dạng chung hoặc được nói ra, hoặc được khai là *mất* với lý do; bảng thiếu một trường sẽ không nạp được"
        " (`HUB-MAP-003`). Điều một khuôn dạng nói mà khuôn dạng chung không có chỗ thì được giữ và trả lại đúng khuôn dạng đó.\n\n"
        "Each field of the canonical message is said, or declared *lost* with a reason; a table that forgets one does not load (`HUB-MAP-003`)."
        " What a format says and the canonical words cannot is kept, and returns to the same format.",
        *(part for one in tables for part in _mapping(one)),
    )


def _mapping(told: Table) -> Iterator[str]:
    yield f"## {told.ref}\n\n{told.media.upper()} · {told.origin}"
    if told.canonical:
        yield "Khuôn dạng chung, không chuyển đổi gì. The hub's own words: nothing is translated, nothing is lost."
        return
    by_operations: dict[tuple[str, ...], list[str]] = {}
    for kind, operations in told.operations.items():
        by_operations.setdefault(operations, []).append(kind)
    yield table(
        ("Loại thông điệp · Kinds", "Nghiệp vụ · Operations"),
        (
            (", ".join(map(code, kinds)), ", ".join(map(code, operations)))
            for operations, kinds in by_operations.items()
        ),
    )
    yield from _silent("Không gửi được · Cannot be told", told, "untold")
    yield from _silent("Không nhận được · Cannot be heard", told, "unheard")
    yield from _lost("mọi nghiệp vụ · every operation", told.lost)
    for name, operation in told.operation.items():
        yield from _lost(f"`{name}` (`{operation.schema}`)", operation.lost)


def _silent(where: str, told: Table, way: Literal["untold", "unheard"]) -> Iterator[str]:
    """What the format has no way to say, with the reason; kinds with one reason stand together."""
    reasons: dict[str, list[str]] = {}
    for each in spoken.kinds(told):
        if why := getattr(each, way):
            reasons.setdefault(why, []).append(code(each.what))
    if reasons:
        rows = ((", ".join(kinds), why) for why, kinds in reasons.items())
        yield f"### {where}\n\n" + table(("Loại thông điệp · Kinds", "Lý do · Reason"), rows)


def _lost(where: str, lost: Mapping[str, str]) -> Iterator[str]:
    if lost:
        rows = ((code(field), reason) for field, reason in lost.items())
        yield f"### Mất · Lost: {where}\n\n" + table(("Trường · Field", "Lý do · Reason"), rows)
