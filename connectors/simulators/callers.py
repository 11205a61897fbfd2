"""The families of partners that call the hub, by the name of their partner file in ``examples/sandbox/callers``.

To add one: a ``Caller`` in a module of its own, a line here, a partner file there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connectors.simulators.opencps_lgsp import OpenCpsLgsp
from connectors.simulators.opencps_mapi import OpenCpsMapi
from connectors.simulators.portal_calls import PortalCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.simulators.calling import Caller


class Calling(NamedTuple):
    """``make``: from its secret. ``desk``: the setting ``[desks]`` that it needs, and the path that the sandbox's manual gives it."""

    make: Callable[[str], Caller]
    desk: str


CALLERS: Mapping[str, Calling] = {
    "opencps-lgsp": Calling(OpenCpsLgsp, "lgsp"),
    "opencps-mapi": Calling(OpenCpsMapi, "mapi"),
    "dvcqg-goi": Calling(PortalCalls, "portal"),
}
