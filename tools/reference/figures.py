"""``figures.md``, from ``hub/figures/definition.toml``: the one published definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.figures.counting import BYS
from hub.figures.definition import definition
from tools.reference.markdown import code, page, table

if TYPE_CHECKING:
    from tools.reference.meanings import Meanings

UNITS = {"dossiers": "hồ sơ · dossiers", "dong": "đồng · VND"}


def figures_page(_: Meanings) -> str:
    told = definition()
    rows = [
        (code(name), one.vi, one.en, UNITS[one.counts], one.rule.vi, one.rule.en)
        for name, one in told.figure.items()
    ]
    return page(
        "Số liệu đếm gì · What each figure counts",
        "`hub/figures/definition.toml`",
        f"Định nghĩa số {told.version} · Definition {told.version}. Trang, JSON, bảng tính và báo cáo đều đếm theo trang này · Pages, JSON,"
        " spreadsheets and reports all count by this page.",
        "## Áp dụng cho mọi số liệu · What holds for all",
        "\n".join(f"* {vi}\n  *{en}*" for vi, en in zip(told.common.vi, told.common.en, strict=True)),
        "## Từng số liệu · Figure by figure",
        table(("Tên · Name", "Tiếng Việt", "English", "Đơn vị · Unit", "Quy tắc", "Rule"), rows),
        "Gộp theo · Grouped by (`--by`): " + ", ".join(code(by) for by in BYS),
    )
