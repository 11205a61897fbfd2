"""What a partner's file says under ``[receives.national_portal]``. Closed: an unknown key is refused with its path.

What nobody could verify (paths, names inside the reply of ``TraCuuHoSo``: docs/explanation/national-portal.md §11) is a setting.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.reach import Address, LocalFile, Reach, Seconds

Path = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Absent(_Closed):
    """An error of ``TraCuuHoSo`` that this portal uses to say *no such dossier*; both must fit when both are given."""

    code: Annotated[tuple[str, ...], Field(min_length=1)]
    phrase: str = ""


class Lookup(_Closed):
    """How to read ``TraCuuHoSo``. ``confirms``: field of the sealed record → name in the result.

    Without ``absent`` only an empty ``result`` with code 0 says that the portal does not know a dossier. With ``confirms``
    equal values prove that an update has arrived; without, it is sent again, which replaces the record by itself.
    """

    code: Name = "MAHOSO"
    absent: tuple[Absent, ...] = ()
    confirms: dict[Name, Name] = Field(default_factory=dict)


PROGRESS_NAMES = {
    "ThoiDiemXuLy": "THOIDIEMXULY",
    "TrangThai": "TRANGTHAI",
    "NguoiXuLy": "NGUOIXULY",
    "NoiDungXuLy": "NOIDUNGXULY",
}


class Progress(_Closed):
    """Where ``TraCuuHoSo`` lists progress records, for portals that do. ``names``: field of ours → name there."""

    list: Name
    names: Annotated[dict[Name, Name], Field(min_length=4)] = PROGRESS_NAMES


class Settings(Reach):
    """One portal behind one adapter; ``base_url`` is the adapter's forwarding address. ``agency`` is its ``madonvi``.

    ``share_path`` serves ``TraCuuHoSo``, ``integration_path`` the services that write.
    """

    agency: Word
    username: Word
    password_file: LocalFile
    login_path: Path = "/mapi/login"
    integration_path: Path
    share_path: Path
    dstcode: Word | None = None
    dstcode_in: Literal["header", "query"] = "header"
    providerurl: Address | None = None
    session_for: Seconds = 600.0
    lookup: Lookup = Lookup()
    progress: Progress | None = None
