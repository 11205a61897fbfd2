"""What a partner's file says under ``[receives.national_portal_g2]``. Closed: an unknown key is refused with its path.

Of this generation the names of some services and fields are known (docs/explanation/national-portal.md §12); all that is not is a setting with the likely default.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.credentials.settings import Auth  # noqa: TC001 - pydantic reads the annotations at run time
from connectors.reach import Reach
from connectors.unsaid import Defaults

Path = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Unsaid = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")]
Pointer = Annotated[str, Field(pattern=r"^(/[^/]*)*$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paths(_Closed):
    """Where each service answers, below ``base_url``."""

    next: Path = "/GetNextValue"
    upload: Path = "/UploadFile"
    create: Path = "/ThemMoiHoSo"
    progress: Path = "/CapNhatTienTrinh"
    state: Path = "/CapNhatTrangThai"


class Names(_Closed):
    """What the portal calls things. ``id``: how later calls name the dossier; ``created``, ``file``, ``hash``: members of its answers' ``data``.

    ``code``: the dossier's code in a record; ``own``: ours beside a code that the portal issued, empty: unsaid. ``part``: the file's part of an upload.
    ``fees``, ``results``: the lists of a state. ``state_id``: how a state names the dossier, where it does not as other calls do.
    ``named``: what a record calls a file's number, where not as the upload's answer does. ``components``: the list of a record whose entries hold
    files in a list of their own, ``papers``, and how many in ``count``; empty: no such list.
    """

    id: Name = "IDHoSo"
    state_id: Unsaid = ""
    created: Name = "IdHoSo"
    code: Name = "MaHoSo"
    own: Unsaid = "MaHoSoDiaPhuong"
    file: Name = "IdTepTin"
    hash: Name = "HashTepTin"
    part: Name = "file"
    state: Name = "TrangThai"
    fees: Name = "DanhSachLePhi"
    results: Name = "DanhSachGiayToKetQua"
    named: Unsaid = ""
    components: Unsaid = ""
    papers: Name = "GiayToDinhKem"
    count: Name = "SoLuong"


class Settings(Reach):
    """One portal. ``codes``: whether it issues dossiers' codes (``GetNextValue``) or takes ours. ``issued``: where that answer holds the code;
    ``issue``: what that call says (such as the unit's code), in its body or in the query of a GET.

    ``success``: codes of ``{code, message, data}`` that mean done; ``lists_at``: states at which fees and results are taken.
    ``defaults``: what is said where a one-stop says nothing. ``as_lists``: services that take a list of records; it gets a list of one.
    """

    auth: Auth
    codes: Literal["issued", "ours"] = "issued"
    issued: Pointer = "/data"
    issue: dict[Name, str] = Field(default_factory=dict)
    issue_in: Literal["body", "query"] = "body"
    as_lists: tuple[Literal["create", "progress", "state"], ...] = ()
    success: Annotated[tuple[str, ...], Field(min_length=1)] = ("0", "200")
    lists_at: tuple[int, ...] = (5, 6, 9)
    defaults: Defaults = Defaults()
    paths: Paths = Paths()
    names: Names = Names()
