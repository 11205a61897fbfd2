"""Where signing keys lie: in files, or in a token; one, or generations of one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from hub.settings.values import Closed, Moment

if TYPE_CHECKING:
    from collections.abc import Iterator


MADE = "%Y%m%dT%H%M%S.%fZ"
"""How a renewed key is named by when it was made, in UTC."""


class KeyPlace(Closed):
    """Where a signing key lies: PEM or PKCS#12. ``password_file``: its first line is the password. ``certificate``: beside a PEM key.

    In a token: ``module`` is its PKCS#11 library, ``token`` its label, ``label`` the key's, ``pin_file`` holds the PIN, and
    ``certificate`` lies beside it. Needs the extra ``[hsm]``.
    """

    file: Path | None = None
    password_file: Path | None = None
    certificate: Path | None = None
    module: Path | None = None
    token: str = ""
    label: str = ""
    pin_file: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        of_token = (self.module, self.token, self.label, self.pin_file)
        if any(of_token) and (self.file or not (all(of_token) and self.certificate)):
            raise ValueError("file; or module, token, label, pin_file and certificate")
        return self

    @property
    def is_there(self) -> bool:
        return self.file is not None or self.module is not None


class KeyGeneration(KeyPlace):
    """``begins``: it signs from then on; ``ends``: nobody need know it any more. Without them its certificate says."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    begins: Moment | None = None
    ends: Moment | None = None


class KeyFile(KeyPlace):
    """A signing key by name: one place, or several generations of it. ``renewed``: a folder for those that the hub above certifies later,
    a key and its certificate each.
    """

    generations: tuple[KeyGeneration, ...] = ()
    renewed: Path | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if bool(self.generations) == self.is_there:
            raise ValueError("file, or generations")
        if not all(one.is_there for one in self.generations):
            raise ValueError("generations: each with its file")
        if len({one.id for one in self.generations}) < len(self.generations):
            raise ValueError("generations: each with an id of its own")
        return self

    @property
    def places(self) -> tuple[KeyGeneration, ...]:
        """Return every generation; a key without any is the one that it is."""
        one = self.model_dump(exclude={"generations", "renewed"})
        return (*(self.generations or (KeyGeneration(id="1", **one),)), *_renewed(self.renewed))


def _renewed(folder: Path | None) -> Iterator[KeyGeneration]:
    """A key signs from when it was made, which is its name; one whose certificate has not come yet is none."""
    for certificate in sorted(folder.glob("[0-9]*Z.pem")) if folder else ():
        key, made = certificate.with_suffix(".key"), certificate.stem
        if key.is_file():
            begins = datetime.strptime(made, MADE).replace(tzinfo=UTC)
            yield KeyGeneration(id=made, file=key, certificate=certificate, begins=begins)
