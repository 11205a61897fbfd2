"""What a partner's file says under ``[receives.edxml]``. Closed: an unknown key is refused with its path.

What no source at hand verifies (names of headers, members and dates: docs/explanation/wire-formats.md) is a setting with the likely default.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.credentials.settings import Auth, NoAuth
from connectors.reach import LocalFile, Reach

Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]
Path = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")]
Pointer = Annotated[str, Field(pattern=r"^(/[^/]*)*$")]
Name = Annotated[str, Field(max_length=200)]
Member = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Vxp(_Closed):
    """The national axis's own interface: each call carries a code over its signed headers, keyed with ``secret_file``.

    ``system``: what the axis calls this system. ``prefix`` and the ``*_header``: names of the headers; ``version``: said in each call.
    ``content_zeros``: the content's SHA-256 has two digits for each byte; the published Java client leaves zeros out.
    ``dates``: how the list's days are written, as ``strftime``. ``document``: where an answer with a document in JSON holds its
    base64; a bare document is taken as it is.
    """

    kind: Literal["vxp"]
    system: Word
    secret_file: LocalFile
    service: Word = "eDoc"
    prefix: HeaderName = "XroadVnpt-"
    system_header: HeaderName = "systemid"
    time_header: HeaderName = "timestamp"
    content_header: HeaderName = "hash-file"
    content_zeros: bool = True
    version: Word = "3.0.201608"
    dates: Annotated[str, Field(min_length=2, max_length=40)] = "%Y/%m/%d"
    document: Pointer = "/data"


class Platform(_Closed):
    """A province's platform in front of the axis: ``auth`` shows the hub to its gateway, ``secret_file`` the unit to the interface.

    ``file``: the member that holds a document's base64 when it is sent; ``document``: where it stands in the answer when it is fetched.
    """

    kind: Literal["truclienthong"]
    path: Path = "/truclienthong/v1.0.0"
    secret_file: LocalFile
    secret_header: HeaderName = "secretDonVi"  # noqa: S105 - a header's name
    file: Member = "data"
    document: Pointer = "/data"


class Errors(_Closed):
    """Why a document was turned away is said in an ``ErrorList``, too, behind the status message's header; its elements are named here.

    No source at hand shows one: the names are ebXML's, on which the standard builds.
    """

    list: Member = "ErrorList"
    error: Member = "Error"
    code: Member = "ErrorCode"
    severity: Member = "Severity"
    text: Member = "Description"


class Settings(Reach):
    """One organisation on the document axis. ``organ``: its code there, to which the hub sends; ``also``: codes under which it sends, too; ``own``: ours, under which the hub sends.

    ``own_name``, ``organ_name``: how documents call us and them; ``place``: where documents of ours are issued. ``statuses``: whether the sender of a document hears that it arrived or was turned
    away; ``errors``: and why, in an element of its own; ``progress``: and what becomes of the dossier that it brought, as far as no file goes with it. ``recalls``: a recall goes as status 13 about our document that told the end. ``look_back``: days that the list of what lies ready goes back. ``zipped``: files go out as a ZIP of themselves each.
    """

    organ: Word
    also: tuple[Word, ...] = ()
    own: Word
    own_name: Name = ""
    organ_name: Name = ""
    place: Name = ""
    way: Annotated[Vxp | Platform, Field(discriminator="kind")]
    auth: Auth = NoAuth()
    statuses: bool = True
    progress: bool = False
    recalls: bool = False
    look_back: Annotated[int, Field(ge=1, le=365)] = 30
    zipped: bool = False
    errors: Errors | None = None

    def is_theirs(self, code: str) -> bool:
        return code == self.organ or code in self.also

    @property
    def says_statuses(self) -> bool:
        """Whether some of what it is told is no document, and nobody acknowledges it."""
        return self.progress or self.recalls

    @property
    def unaskable(self) -> str:
        """Why nobody can ask there what has arrived; empty: it can be asked."""
        return "" if self.way.kind == "vxp" else "false: this interface has no list of what was sent"
