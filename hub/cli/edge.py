"""``lienthong edge …``: the small hub of a district or commune."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time

Inherited = Annotated[int | None, Parameter(show=False)]
"""The number of a listening socket that the process before it held."""


def run(*, socket: Inherited = None, desk: At) -> int:
    return desk.programs.edge(desk.settings, inherited=socket)
