"""The families of partners that call the hub, by the name of their partner file in ``examples/sandbox/callers``, or in ``examples/sandbox`` where the
hub calls them too.

To add one: a ``Caller`` in a module of its own, a line here, a partner file there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connectors.simulators.opencps_lgsp import OpenCpsLgsp
from connectors.simulators.opencps_mapi import OpenCpsMapi
from connectors.simulators.portal_calls import PortalCalls
from connectors.simulators.soap_caller import SoapCaller
from connectors.simulators.vbdlis_caller import VbdlisCaller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.simulators.calling import Caller


class Calling(NamedTuple):
    """``make``: from its secret. ``desk``: the setting ``[desks]`` that it needs, and the path that the sandbox's manual gives it.

    ``opens``: it brings dossiers; otherwise it speaks only of those that somebody else brought and that were handed to it.
    """

    make: Callable[[str], Caller]
    desk: str
    opens: bool = True


CALLERS: Mapping[str, Calling] = {
    "opencps-lgsp": Calling(OpenCpsLgsp, "lgsp"),
    "opencps-mapi": Calling(OpenCpsMapi, "mapi"),
    "dvcqg-goi": Calling(PortalCalls, "portal"),
    "so-soap": Calling(SoapCaller, "soap"),
    "dat-dai-vbdlis": Calling(VbdlisCaller, "vbdlis", opens=False),
}
