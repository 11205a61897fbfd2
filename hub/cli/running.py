"""``lienthong serve|work|web|demo|version``: starting things. The bodies are elsewhere and imported when they run."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from hub.cli import show
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from hub.version import own_version


def serve(*, desk: At) -> int:
    return desk.programs.serve(desk.settings)


Supervised = Annotated[bool, Parameter(show=False, negative=())]
"""Given by the supervisor to its children, not by a person."""
Inherited = Annotated[int | None, Parameter(show=False)]
"""The number of a listening socket that the supervisor holds for its children."""


def work(
    *,
    processes: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 1,
    supervised: Supervised = False,
    metrics: Inherited = None,
    desk: At,
) -> int:
    return desk.programs.work(desk.settings, processes=processes, supervised=supervised, metrics=metrics)


def web(
    *, supervised: Supervised = False, socket: Inherited = None, metrics: Inherited = None, desk: At
) -> int:
    return desk.programs.web(desk.settings, supervised=supervised, inherited=socket, metrics=metrics)


def demo(*, directory: Path = Path("var/demo"), messages: int = 200, desk: At) -> int:
    return desk.programs.demo(directory, messages)


VERSION: tuple[show.Column[dict[str, str]], ...] = (
    show.Column("version", lambda row: row["version"]),
    show.Column("python", lambda row: row["python"]),
)


def version(*, desk: At) -> int:
    show.card(desk, VERSION, {"version": own_version(), "python": platform.python_version()})
    return Exit.OK
