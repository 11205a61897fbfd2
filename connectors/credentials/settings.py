"""How the hub shows a partner who it is: ``[receives.<room>.auth]`` of a partner's file. Closed: an unknown key is refused with its path.

What is a secret stands in a file of its own, one line, never in the partner's file.
"""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from connectors.reach import Address, LocalFile, Seconds  # noqa: TC001 - pydantic reads the annotations at run time

TOKEN = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"  # noqa: S105 - a header name's alphabet, RFC 9110 §5.6.2
HeaderName = Annotated[str, Field(pattern=TOKEN)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
User = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^:\x00-\x1f\x7f]+$")]
Path = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")]

PARTS = frozenset({"method", "path", "target", "time", "id", "body", "body_sha256", "secret"})
"""What a recipe may be made over. ``path``: without the query; ``target``: with it."""


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _made_of(places: frozenset[str], text: str) -> str:
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"not a template: {error}") from None
    if any(place is not None and (place not in places or form or how) for _, place, form, how in parts):
        raise ValueError(f"only {sorted(places)} may stand in braces")
    return text


def _over(text: str) -> str:
    return _made_of(PARTS, text)


def _value(text: str) -> str:
    if "{mac}" not in text:
        raise ValueError("{mac} stands in it")
    return _made_of(frozenset({"mac", "id", "time"}), text)


class NoAuth(Closed):
    """The network or a client certificate vouches for us."""

    kind: Literal["none"] = "none"


class ApiKey(Closed):
    """The content of ``secret_file``, in a header, as a query parameter, as the path's last segment, or as a member of the JSON body.

    The body is written around what was sealed: its bytes stay as they are behind the new member.
    """

    kind: Literal["api_key"]
    secret_file: LocalFile
    place: Literal["header", "query", "path", "body"] = "header"
    header: HeaderName = "X-API-Key"
    name: Name | None = None

    @model_validator(mode="after")
    def _a_place_with_names_has_one(self) -> Self:
        if (self.place in {"query", "body"}) != (self.name is not None):
            raise ValueError("name stands with place = query or body, and only there")
        return self


class Bearer(Closed):
    """``Authorization: Bearer <content of secret_file>`` (RFC 6750 §2.1)."""

    kind: Literal["bearer"]
    secret_file: LocalFile


class Basic(Closed):
    """RFC 7617: user name here, password the one line of ``secret_file``."""

    kind: Literal["basic"]
    username: User
    secret_file: LocalFile


class Packed(Closed):
    """A header that holds base64 of a JSON object, beside a token: ``lgspaccesstoken`` of several provinces' platforms."""

    header: HeaderName = "lgspaccesstoken"
    fields: dict[Name, str] = Field(default_factory=dict)
    secret_files: dict[Name, LocalFile] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        if self.fields.keys() & self.secret_files.keys():
            raise ValueError("fields and secret_files share no name")
        return self


class OAuth(Closed):
    """A token of the partner's own (RFC 6749 §4.3, §4.4), fetched when it is needed and again when it counts no more.

    ``token_path`` stands below ``base_url``, or below ``token_address`` where another host gives tokens. ``client_in``: where the
    client's id and secret stand in that request. ``form``: how it is written; ``token_at``: where the answer holds the token, its
    lifetime beside it. ``token_for``: how long a token is used that says no lifetime.
    """

    kind: Literal["oauth"]
    grant: Literal["client_credentials", "password"] = "client_credentials"
    token_path: Path = "/token"  # noqa: S105 - where it is fetched
    token_address: Address | None = None
    client_id: User
    client_secret_file: LocalFile
    client_in: Literal["basic", "body"] = "basic"
    username: User | None = None
    password_file: LocalFile | None = None
    scope: Annotated[str, Field(pattern=r"^[!#-\[\]-~]*( [!#-\[\]-~]+)*$")] = ""
    token_for: Seconds = 600.0
    form: Literal["form", "json"] = "form"
    token_at: Annotated[str, Field(pattern=r"^(/[^/]+)+$")] = "/access_token"  # noqa: S105 - where it stands
    packed: Packed | None = None

    @model_validator(mode="after")
    def _a_password_needs_its_grant(self) -> Self:
        if ((self.grant == "password") != (self.username is not None)) or (
            (self.username is None) != (self.password_file is None)
        ):
            raise ValueError("username and password_file stand with grant = password, and only there")
        return self


class Mac(Closed):
    """A code over parts of each request, keyed with ``secret_file``: every gateway has a recipe of its own, written down here.

    ``over``: its parts in their order, joined by ``joined``. ``algorithm`` ``sha256`` is no HMAC: the secret stands among the parts.
    ``time``: how ``{time}`` is written: ``unix``, ``unix-ms`` or a form of ``strftime`` in ``offset`` hours from UTC.
    """

    kind: Literal["mac"]
    secret_file: LocalFile
    algorithm: Literal["hmac-sha256", "hmac-sha512", "hmac-sha1", "sha256"] = "hmac-sha256"
    over: Annotated[tuple[Annotated[str, AfterValidator(_over)], ...], Field(min_length=1, max_length=20)]
    joined: Annotated[str, Field(max_length=8)] = ""
    encoding: Literal["hex", "HEX", "base64"] = "hex"
    header: HeaderName
    value: Annotated[str, AfterValidator(_value)] = "{mac}"
    id: Annotated[str, Field(max_length=200, pattern=r"^[ -~]*$")] = ""
    id_header: HeaderName | None = None
    time_header: HeaderName | None = None
    time: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[ -~]+$")] = "unix"
    offset: Annotated[float, Field(ge=-12, le=14)] = 7.0

    @model_validator(mode="after")
    def _keyed(self) -> Self:
        if (self.algorithm == "sha256") != any("{secret}" in part for part in self.over):
            raise ValueError("{secret} stands in over with algorithm = sha256, and only there")
        return self


Auth = Annotated[NoAuth | ApiKey | Bearer | Basic | OAuth | Mac, Field(discriminator="kind")]


ElementPath = Annotated[str, Field(pattern=r"^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$")]


class SoapHeader(Closed):
    """A block of the SOAP Header: ``element`` in ``namespace``, with the key as its text (``secret_file``), or with children:
    ``fields`` plainly, ``secret_files`` from files, in this order.
    """

    kind: Literal["soap_header"]
    namespace: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[!-~]+$")]
    element: Annotated[str, Field(pattern=r"^[A-Za-z_][\w-]*$")]
    secret_file: LocalFile | None = None
    fields: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][\w-]*$")], str] = Field(default_factory=dict)
    secret_files: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][\w-]*$")], LocalFile] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _a_text_or_children(self) -> Self:
        if (self.secret_file is None) != bool(self.secret_files) or (self.secret_file and self.fields):
            raise ValueError("secret_file alone, or secret_files with or without fields")
        if self.fields.keys() & self.secret_files.keys():
            raise ValueError("fields and secret_files share no name")
        return self


class SoapElement(Closed):
    """An element of what the hub sends: ``element``, names joined by dots below the child of Body, gets the content of ``secret_file``
    while the request travels. What is sealed holds what the mapping writes there (a row with ``constant``).
    """

    kind: Literal["soap_element"]
    element: ElementPath
    secret_file: LocalFile


class SoapUser(Closed):
    """Who we are by WS-Security's UsernameToken (profile 1.1): the name, and the password of ``secret_file``, ``shown`` as text or as a digest over a
    nonce, the time and itself. Not together with a WS-Security signature, which has a Security header of its own.
    """

    kind: Literal["soap_user"]
    username: User
    secret_file: LocalFile
    shown: Literal["digest", "text"] = "digest"


SoapAuth = Annotated[
    NoAuth | ApiKey | Bearer | Basic | OAuth | Mac | SoapHeader | SoapUser | SoapElement,
    Field(discriminator="kind"),
]
"""What rooms that speak SOAP can show."""

EnvelopeAuth = Annotated[
    NoAuth | ApiKey | Bearer | Basic | OAuth | Mac | SoapHeader | SoapUser, Field(discriminator="kind")
]
"""What a room can show whose envelope holds one text."""
