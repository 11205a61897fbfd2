"""What a partner's file says under ``[receives.rest]``. Closed: an unknown key is refused with its path."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from connectors.credentials.settings import Auth, Closed, HeaderName, Name, NoAuth
from connectors.dictionaries import Columns
from connectors.reach import Reach
from schemas.dossier import Kind  # noqa: TC001 - pydantic reads the annotations at run time

_POINTER = r"^(/[^/]*)*$"
_PATH = re.compile(r"^/[!-~]*$")
PLACES = frozenset({"key", "operation", "dossier"})


def _template(path: str) -> str:
    """A path with ``{key}``, ``{operation}`` or ``{dossier}``; values are percent-encoded when they are filled in."""
    try:
        parts = list(Formatter().parse(path))
    except ValueError as error:
        raise ValueError(f"not a path: {error}") from None
    if not _PATH.match(path) or "#" in path:
        raise ValueError("a path begins with / and holds printable ASCII only")
    for _, place, form, conversion in parts:
        if place is not None and (place not in PLACES or form or conversion):
            raise ValueError(f"only {sorted(PLACES)} may stand in braces")
    return path


PathTemplate = Annotated[str, AfterValidator(_template)]
Pointer = Annotated[str, Field(pattern=_POINTER)]
FilePointer = Annotated[str, Field(pattern=r"^(/[^/]+)+$")]
Status = Annotated[int, Field(ge=100, le=599)]


class ReplyPlaces(Closed):
    """Where in the reply's JSON the parts sit, as JSON pointers (RFC 6901); empty: the partner does not say it.

    With ``code`` the body decides (0 is success); without it a 2xx status does, and the body must be JSON that
    holds ``reference`` when that is named.
    """

    code: Pointer = ""
    message: Pointer = ""
    reference: Pointer = ""


class Find(Closed):
    """How to ask for a parcel by its key. ``absent_status`` with a JSON body (and one of ``absent_code``, when named)
    proves that the partner does not have it. ``key``: where the reply repeats the key; another key proves nothing.
    """

    path: PathTemplate
    absent_status: tuple[Status, ...] = (404,)
    absent_code: tuple[str, ...] = ()
    key: Pointer = ""


class Uploads(Closed):
    """Files of a message go before it, each in a request of its own (``multipart/form-data``, RFC 7578): ``of`` its results or its papers.

    ``kinds``: of messages whose files go; empty: all. ``file``: the field with the content; ``name``: the one with its name; ``fields``: fixed ones.
    ``reply``: how a file is answered; none: as a message is.
    """

    path: PathTemplate
    of: Literal["results", "documents"] = "results"
    kinds: tuple[Kind, ...] = ()
    file: Name = "file"
    name: Name | None = None
    fields: dict[Name, Annotated[str, Field(max_length=1000)]] = Field(default_factory=dict)
    reply: ReplyPlaces | None = None


class Papers(Uploads):
    """The dossier's papers, as ``Uploads``, after what opens it. ``part``: the field with a paper's component; of a paper that names none
    ``fields`` says it.
    """

    of: Literal["results", "documents"] = "documents"
    part: Name | None = None


FixedFields = dict[Name, Annotated[str, Field(max_length=1000)]]


class Opening(Closed):
    """A partner that must be told of a dossier before anything can be done with it: the mapping's ``operation`` goes to ``path``, unless a
    question (GET ``look``) finds the dossier there. ``key``: where the answer names it; one place with our code is enough. ``absent_status``: it
    is not there. ``fields``: fixed ones; ``procedures``: those of one procedure, by its code; they win over what the mapping writes.
    """

    operation: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
    path: PathTemplate
    look: PathTemplate
    key: Annotated[tuple[Pointer, ...], Field(min_length=1)]
    absent_status: tuple[Status, ...] = (404,)
    reply: ReplyPlaces | None = None
    fields: FixedFields = Field(default_factory=dict)
    procedures: dict[Annotated[str, Field(max_length=200)], FixedFields] = Field(default_factory=dict)


class Listing(Columns):
    """A dictionary that the partner lists: GET ``path``. ``at``: JSON pointer to the list in the reply. ``vi``, ``en``: what it is called."""

    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")]
    at: Pointer = ""
    vi: Annotated[str, Field(min_length=1, max_length=200)]
    en: Annotated[str, Field(min_length=1, max_length=200)]


ListName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")]


class Settings(Reach):
    """``path`` serves every operation that ``paths`` does not name. ``files_at``: where files stand in the payload, in base64: JSON
    pointers with ``*`` for each element of a list; the mapping writes a document's SHA-256 there. ``form``: what the mapping writes, a
    record of texts, travels as a form (``application/x-www-form-urlencoded``). ``uploads``: files go before their message;
    ``papers``: likewise, after what opens the dossier (``opening``). ``dictionaries``: lists that ``registry refresh`` reads, by our list's name.
    """

    signs: ClassVar[frozenset[str]] = frozenset({"modi-rest"})
    believes: ClassVar[frozenset[str]] = frozenset({"jws-detached", "modi-rest"})
    path: PathTemplate = "/"
    paths: dict[str, PathTemplate] = Field(default_factory=dict)
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    media_type: str = Field(default="application/json", pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.-]+)*$")
    idempotency_header: HeaderName = "Idempotency-Key"
    headers: dict[HeaderName, Annotated[str, Field(pattern=r"^[ -~]*$")]] = Field(default_factory=dict)
    auth: Auth = NoAuth()
    reply: ReplyPlaces = ReplyPlaces()
    find: Find | None = None
    files_at: tuple[FilePointer, ...] = ()
    form: bool = False
    uploads: Uploads | None = None
    papers: Papers | None = None
    opening: Opening | None = None
    dictionaries: dict[ListName, Listing] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _a_form_holds_texts(self) -> Self:
        if self.form and self.files_at:
            raise ValueError("a form has no room for files")
        if self.opening and not self.form:
            raise ValueError("opening wants form = true")
        if (self.uploads or self.papers) and self.files_at:
            raise ValueError("files go inside (files_at) or before (uploads), not both")
        return self

    @property
    def tells_apart(self) -> bool:
        """Whether its question is about one transfer, so that *found* is true of no other of the same dossier."""
        return not self.find or bool(self.find.key) or "{key}" in self.find.path

    @model_validator(mode="after")
    def _an_answer_must_prove_something(self) -> Self:
        if self.find and not (self.find.key or self.reply.code or self.reply.reference):
            raise ValueError("find needs find.key, reply.code or reply.reference: a bare 2xx proves nothing")
        return self
