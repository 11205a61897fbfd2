"""What a partner's file says under ``[receives.national_portal]``. Closed: an unknown key is refused with its path.

What nobody could verify (paths, names inside the reply of ``TraCuuHoSo``: docs/explanation/national-portal.md §11) is a setting.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.credentials.settings import Auth, NoAuth
from connectors.dictionaries import Columns  # noqa: TC001 - pydantic reads the annotations at run time
from connectors.portal_lists import Listed  # noqa: TC001
from connectors.reach import Address, LocalFile, Reach, Seconds
from connectors.unsaid import Defaults

Path = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")]
Parameter = Annotated[str, Field(pattern=r"^([A-Za-z][A-Za-z0-9_]*)?$")]
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


class Front(_Closed):
    """A province's own connector in front of the portal: it logs in by itself, and each service is a method with the bare array.

    ``create``, ``update`` (none: the same), ``progress``: paths of the methods that write. ``lookup``: GET, where it answers
    ``TraCuuHoSo``; ``share``: GET, below it the catalogue services by their names. ``agency_in``, ``updating_in``, ``dossier_in``: query parameters;
    empty: unsaid.
    """

    create: Path
    update: Path | None = None
    progress: Path
    lookup: Path | None = None
    share: Path = ""
    agency_in: Parameter = "MaDinhDanhDV"
    updating_in: Parameter = "isUpdating"
    dossier_in: Name = "mahoso"
    auth: Auth = NoAuth()


class Account(NamedTuple):
    """How the adapter is logged into, and where its services are."""

    username: str
    password_file: LocalFile
    integration_path: str
    share_path: str


class Settings(Reach):
    """One portal behind one adapter, or behind a province's ``connector``; ``base_url`` is the address of either. ``agency`` is its ``madonvi``.

    ``levels``: what its ``CAPDONVI`` means. ``dictionaries``: the columns of those that are not MA… and TEN…. ``share_path`` serves ``TraCuuHoSo``, ``integration_path`` the services that write. With ``connector`` neither they nor the login are named.
    """

    agency: Word
    username: Word | None = None
    password_file: LocalFile | None = None
    login_path: Path = "/mapi/login"
    integration_path: Path | None = None
    share_path: Path | None = None
    connector: Front | None = None
    defaults: Defaults = Defaults()
    levels: dict[Word, Literal["national", "province", "department", "district", "commune"]] = Field(
        default_factory=dict
    )
    dictionaries: dict[Listed, Columns] = Field(default_factory=dict)
    dstcode: Word | None = None
    dstcode_in: Literal["header", "query"] = "header"
    providerurl: Address | None = None
    session_for: Seconds = 600.0
    lookup: Lookup = Lookup()
    progress: Progress | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        login = (self.username, self.password_file, self.integration_path, self.share_path)
        wanted = None if self.connector else "username, password_file, integration_path and share_path"
        if wanted and not all(login):
            raise ValueError(f"{wanted}; or connector")
        if self.connector and any(login):
            raise ValueError(
                "connector holds the session: no username, password_file, integration_path or share_path"
            )
        return self

    @property
    def account(self) -> Account:
        """Of settings without ``connector``."""
        return Account(
            self.username or "",
            self.password_file or LocalFile(),
            self.integration_path or "",
            self.share_path or "",
        )
