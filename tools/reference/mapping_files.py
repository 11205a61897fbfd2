"""``mapping-file.md``: every key of a mapping table and every converter, from the types that read those files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from pydantic_core import PydanticUndefined

from schemas.convert import CONVERTERS
from schemas.table import Fallback, KindsTold, NaturalKey, Operation, Row, StatesTold, Table
from tools.reference.files import COLUMNS
from tools.reference.markdown import code, page, table
from tools.reference.meanings import Meanings, both
from tools.reference.types import default_of, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS: dict[str, type[msgspec.Struct]] = {
    "": Table,
    "[operation.<name>]": Operation,
    "[natural_key]": NaturalKey,
    "[records] <name> = [ { … } ]": Row,
    "fallback = { … }": Fallback,
    "[states]": StatesTold,
    "[kinds]": KindsTold,
}


def mapping_file_page(words: Meanings) -> str:
    return page(
        "Tệp bảng chuyển đổi · The mapping file",
        "`schemas/table.py` and `schemas/convert.py`",
        "Một khuôn dạng là một tệp TOML: mỗi dòng nói một trường của khuôn dạng ứng với chỗ nào của khuôn dạng chung. Thứ tự dòng là thứ tự trên dây."
        " Mọi lỗi được báo cùng lúc: `lienthong partner validate` (`HUB-MAP-003`). Từng bước: [add-a-partner.md](../howto/add-a-partner.md);"
        " các bảng có sẵn nói gì: [mappings.md](mappings.md); khuôn dạng chung có những chỗ nào: `schemas/json/lienthong.message` và `lienthong mapping try`.\n\n"
        "A format is one TOML file: each row says which canonical place a field of the format means. The order of rows is the order on the wire."
        " Every mistake is told at once: `lienthong partner validate` (`HUB-MAP-003`). Step by step: [add-a-partner.md](../howto/add-a-partner.md);"
        " what the shipped tables say: [mappings.md](mappings.md); which canonical places there are: `schemas/json/lienthong.message` and `lienthong mapping try`.",
        *(_part(title, struct, words) for title, struct in PARTS.items()),
        "## Bộ chuyển (`as`) · Converters (`as`)\n\n"
        "*Đúng từng chữ*: đọc rồi viết lại ra đúng như cũ; nếu không thì cách viết cũ được giữ bên cạnh. \n\n"
        "*Letter for letter*: what was read is written back as it was; otherwise its spelling is kept beside it.",
        table(
            (
                "`as`",
                "Khuôn dạng chung · Canonical",
                "Trên dây · On the wire",
                "Đúng từng chữ · Letter for letter",
            ),
            (
                (code(name), each.gives, _wire(each.wire), "có · yes" if each.exact else "không · no")
                for name, each in CONVERTERS.items()
            ),
        ),
    )


def _part(title: str, struct: type[msgspec.Struct], words: Meanings) -> str:
    heading = f"### `{title}`" if title else "## Đầu tệp · Top of the file"
    return heading + "\n\n" + table(COLUMNS, _keys(struct, words))


def _keys(struct: type[msgspec.Struct], words: Meanings) -> Iterator[tuple[str, ...]]:
    for field in msgspec.structs.fields(struct):
        kind = kind_of(field.type)
        meaning = both(words, f"{struct.__module__}.{struct.__name__}.{field.encode_name}")
        yield code(field.encode_name), kind, default_of(_default(field), kind), *meaning


def _default(field: msgspec.structs.FieldInfo) -> Any:  # noqa: ANN401 - any default of a struct
    """A default of a struct of ours is told by its own keys."""
    if field.required:
        return PydanticUndefined
    if field.default is msgspec.NODEFAULT or isinstance(field.default, msgspec.Struct):
        return None
    return field.default


def _wire(schema: dict[str, Any]) -> str:
    """Say a JSON Schema in as few words as hold it."""
    if "enum" in schema:
        return " | ".join(map(code, schema["enum"]))
    types = schema.get("type", "any")
    named = types if isinstance(types, str) else " or ".join(types)
    return f"{named} {code(schema['pattern'])}" if "pattern" in schema else named
