"""``lienthong edge …``: the small hub of a district or commune."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hub.cli import opening, show
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit

Inherited = Annotated[int | None, Parameter(show=False)]
"""The number of a listening socket that the process before it held."""


def run(*, socket: Inherited = None, desk: At) -> int:
    return desk.programs.edge(desk.settings, inherited=socket)


@dataclass(frozen=True)
class Joined:
    """``hub``: what this one is called from now on; ``above``: the one that let it in."""

    hub: str
    above: str
    serves: tuple[str, ...]
    settings: Path


JOINED: tuple[show.Column[Joined], ...] = (
    show.Column("code", lambda row: row.hub, whole=True),
    show.Column("above", lambda row: row.above, whole=True),
    show.Column("serves", lambda row: list(row.serves), lambda row, _: ", ".join(row.serves)),
    show.Column("file", lambda row: str(row.settings), whole=True),
)


async def enroll(
    url: str,
    code: str,
    /,
    *,
    directory: Path = Path("site"),
    listen: str = "127.0.0.1:8080",
    ca_file: Path | None = None,
    desk: At,
) -> int:
    """Join the hub above: the key is made here and never leaves. ``directory``: empty or not there yet."""
    told = await opening.enrolled(url, code, directory, listen, ca_file)
    show.card(desk, JOINED, Joined(told.code, told.hub, tuple(told.serves), directory / "lienthong.toml"))
    return Exit.OK
