"""The portal's shared dictionaries: our list's id → its service (docs/explanation/national-portal.md §14). Asked by one room, answered by a desk."""

from __future__ import annotations

from typing import Literal, get_args

from connectors.catalogues import Dictionary

Listed = Literal[
    "genders",
    "provinces",
    "districts",
    "communes",
    "countries",
    "ethnic-groups",
    "religions",
    "marital-states",
    "subjects",
    "procedure-levels",
    "legal-bases",
    "fees",
]
_FIELDS: dict[str, tuple[str, str, str]] = {
    "genders": ("GioiTinh", "Giới tính", "Gender"),
    "provinces": ("TinhThanh", "Tỉnh, thành phố", "Provinces"),
    "districts": ("QuanHuyen", "Quận, huyện", "Districts"),
    "communes": ("PhuongXa", "Phường, xã", "Communes"),
    "countries": ("QuocGia", "Quốc gia", "Countries"),
    "ethnic-groups": ("DanToc", "Dân tộc", "Ethnic groups"),
    "religions": ("TonGiao", "Tôn giáo", "Religions"),
    "marital-states": ("TinhTrangHonNhan", "Tình trạng hôn nhân", "Marital states"),
    "subjects": ("DoiTuong", "Đối tượng thực hiện", "Who may apply"),
    "procedure-levels": ("CapThucHien", "Cấp thực hiện", "Levels that carry procedures out"),
    "legal-bases": ("CanCuPhapLy", "Căn cứ pháp lý", "Legal bases"),
    "fees": ("LePhi", "Phí, lệ phí", "Fees"),
}
DICTIONARIES = tuple(
    Dictionary(id=id_, source=f"LayDanhMuc{field}", field=field, vi=vi, en=en)
    for id_, (field, vi, en) in _FIELDS.items()
    if id_ in get_args(Listed)
)
