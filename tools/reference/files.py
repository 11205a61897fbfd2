"""``settings.md``, ``partner-file.md`` and ``signatories-file.md``, from the pydantic models that read those files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args, get_origin

from connectors import catalogue
from connectors.replies import SHARED, Row
from hub.partners.declaration import Declaration
from hub.settings.file import Settings
from hub.signatories.declaration import Signatories
from schemas.dossier import Kind
from tools.reference.markdown import code, page, table
from tools.reference.meanings import Meanings, both
from tools.reference.types import bare, default_of, kind_of, models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

COLUMNS = ("Khóa · Key", "Kiểu · Type", "Mặc định · Default", "Nghĩa", "Meaning")


def settings_page(words: Meanings) -> str:
    return page(
        "Cấu hình của hub · Settings",
        "`hub/settings/`",
        "Một tệp TOML; tên tệp: `--settings`, hoặc `LIENTHONG_SETTINGS`, hoặc `./lienthong.toml`. Khóa lạ bị từ chối với tệp, dòng và chỗ"
        " (`HUB-CFG-002`). Đường dẫn tương đối tính từ thư mục của tệp. Mỗi giá trị có thể đặt bằng biến môi trường: `LIENTHONG_LIMITS__BODY=2MB`"
        " thay cho `[limits] body`.\n\n"
        "One TOML file, named by `--settings`, by `LIENTHONG_SETTINGS`, or `./lienthong.toml`. An unknown key is refused with file, line and path"
        " (`HUB-CFG-002`). Relative paths are relative to the file's folder. Each value may come from the environment:"
        " `LIENTHONG_LIMITS__BODY=2MB` stands for `[limits] body`.",
        *_sections(Settings, "", words),
    )


def partner_page(words: Meanings) -> str:
    rooms = [
        part
        for kind, room in catalogue.ROOMS.items()
        for part in (
            f"## Gian `{kind}` · Room `{kind}`",
            *_sections(room.settings, f"receives.{kind}", words),
        )
    ]
    return page(
        "Tệp khai báo đối tác · The partner file",
        "`hub/partners/declaration.py` and `connectors/*/settings.py`",
        "Mỗi hệ thống kết nối một tệp TOML trong thư mục `partners` của cấu hình. Mọi lỗi được báo cùng lúc: `lienthong partner check FILE`"
        " (`HUB-CFG-001`). Đường dẫn tương đối tính từ thư mục của tệp. Hướng dẫn: [add-a-partner.md](../howto/add-a-partner.md).\n\n"
        "One TOML file for each system, in the folder `partners` of the settings. Every mistake is told at once: `lienthong partner check FILE`"
        " (`HUB-CFG-001`). Relative paths are relative to the file's folder. Step by step: [add-a-partner.md](../howto/add-a-partner.md).",
        "Loại thông điệp · Kinds of messages (`kinds`): " + ", ".join(code(kind) for kind in Kind) + ".",
        *_sections(Declaration, "", words),
        "### Trả lời nghĩa là gì · What a reply means\n\n"
        "Dòng đầu tiên khớp quyết định: dòng của tệp, rồi dòng của gian (`connectors/<room>/README.md`), rồi các dòng chung này.\n\n"
        "The first row that fits decides: the file's rows, then the room's (`connectors/<room>/README.md`), then these, which all rooms share.",
        table(("Khi · When", "Kết quả · Outcome", "Mã · Reason"), (_reply(row) for row in SHARED)),
        *rooms,
    )


def signatories_page(words: Meanings) -> str:
    return page(
        "Ai được ký gì · Who may sign what",
        "`hub/signatories/declaration.py`",
        "Mỗi cơ quan một tệp TOML trong thư mục `signatories` của cấu hình. Mọi lỗi được báo cùng lúc (`HUB-CFG-001`). Tệp chứng thư tính từ thư mục đó."
        " Hướng dẫn: [who-may-sign.md](../howto/who-may-sign.md).\n\n"
        "One TOML file for each agency, in the folder `signatories` of the settings. Every mistake is told at once (`HUB-CFG-001`). Certificate files are"
        " relative to that folder. Step by step: [who-may-sign.md](../howto/who-may-sign.md).",
        *_sections(Signatories, "", words),
    )


def _reply(row: Row) -> tuple[str, str, str]:
    named = [f"HTTP {_statuses(row.status)}"] if row.status else []
    if row.retry_after:
        named.append("`Retry-After`")
    if row.readable is False:
        named.append("không đọc được · unreadable")
    return ", ".join(named) or "còn lại · anything else", code(row.outcome), code(row.why)


def _statuses(several: tuple[int, ...]) -> str:
    whole_class = several == tuple(range(several[0], several[0] + 100))
    return f"{several[0]} … {several[-1]}" if whole_class else ", ".join(map(str, several))


def _sections(
    model: type[BaseModel], path: str, words: Meanings, *, many: bool = False, note: str = ""
) -> Iterator[str]:
    """Yield a model's table, then those of the models inside it."""
    title = (f"[[{path}]]" if many else f"[{path}]") if path else "Đầu tệp · Top of the file"
    heading = f"### `{title}`{note}" if path else f"## {title}"
    yield heading + "\n\n" + table(COLUMNS, keys(model, words))
    for key, field in model.model_fields.items():
        for inner, repeated in models(field.annotation):
            keyed = get_origin(bare(field.annotation)) is dict
            below = f"{path}.{key}".lstrip(".") + (".<name>" if keyed else "")
            yield from _sections(inner, below, words, many=repeated, note=_told_apart(inner))


def _told_apart(model: type[BaseModel]) -> str:
    """A model chosen by ``kind`` says which kind it is."""
    field = model.model_fields.get("kind")
    return (
        f' `kind = "{get_args(field.annotation)[0]}"`'
        if field and get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1
        else ""
    )


def keys(model: type[BaseModel], words: Meanings) -> Iterator[tuple[str, ...]]:
    for key, field in model.model_fields.items():
        kind = kind_of(field.annotation, tuple(field.metadata))
        default = field.get_default(call_default_factory=True, validated_data={})
        meaning = both(words, *(f"{one.__module__}.{one.__name__}.{key}" for one in model.__mro__))
        yield code(field.alias or key), kind, default_of(default, kind), *meaning
