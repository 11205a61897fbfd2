"""Kind of partner → room: the only list. Adding a room is one line here and one file in the conformance suite.

A partner's file names its kind as ``room``; the room's own model reads ``[receives.<room>]``. What only some hubs
speak, and each desk, is loaded when somebody names it, so that a small hub pays for it neither in time nor in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import BaseModel  # noqa: TC002 - msgspec reads the annotations at run time

from connectors import written
from connectors.credentials.contract import Clocks
from connectors.credentials.showing import credentials
from connectors.edge import codec as edge_codec
from connectors.edge.settings import Settings as Edge
from connectors.line import Line
from connectors.loaded import Loaded
from connectors.mailbox.settings import Settings as Mailbox
from connectors.mailbox.uncalled import Uncalled
from connectors.rest import client as rest
from connectors.rest import codec as rest_codec
from connectors.rest.catalogues import RestCatalogues
from connectors.rest.settings import Settings as Rest
from connectors.soap import codec as soap_codec
from connectors.soap.fit import check_about
from connectors.soap.settings import Settings as Soap
from connectors.transport import Http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from connectors.catalogues import Catalogues
    from connectors.contract import Codec, Collector, Connector, Envelopes, Writer
    from connectors.credentials.contract import Credentials
    from connectors.desks import Desk
    from connectors.edxml.axis import Axis
    from connectors.edxml.settings import Settings as Edxml
    from connectors.folder.settings import Settings as Folder
    from connectors.gip.settings import Settings as Gip
    from connectors.national_portal.settings import Settings as NationalPortal
    from connectors.national_portal_g2.settings import Settings as NationalPortalG2
    from connectors.replies import Row
    from schemas.library import Library
    from schemas.problems import Problem


class Outfit(msgspec.Struct, frozen=True, kw_only=True):
    """What the wiring hands to a room. ``now``: wall clock, aware; ``seconds``: a clock that never goes back.

    ``envelopes``: signs what is sent and checks replies; ``None``: nothing of the kind was agreed.
    """

    library: Library
    now: Callable[[], datetime]
    seconds: Callable[[], float]
    envelopes: Envelopes | None = None


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """``settings``: the model of the room's own table; the others take what it made.

    ``build`` is for the sealing pool, ``connect`` for a worker, ``check_signed`` for settings whose replies are to be signed.
    ``collect``: for a room that picks up what partners have for us, in a worker. ``catalogues``: for one whose partners publish lists; ``publishes``: whether one with these settings does.
    ``encloses``: bytes of documents that travel inside a message of such a partner instead of by address; 0: none. ``untaken``: what a mapping says
    (operation → root element) and the partner's description does not take. ``numbers``: a reference names what the partner has; not
    where each call gets one of its own, so that two of them are no two copies. All raise ``Refusal`` with HUB-CFG-001 or HUB-SCH-011.
    """

    settings: type[BaseModel]
    build: Callable[[Any, Writer], Codec]
    connect: Callable[[Any, Iterable[Row], Outfit], Connector]
    check_signed: Callable[[Any], None] = lambda _: None
    collect: Callable[[Any, Outfit], Collector] | None = None
    encloses: Callable[[Any], int] = lambda _: 0
    catalogues: Callable[[Any, Iterable[Row], Outfit], Catalogues] | None = None
    publishes: Callable[[Any], bool] = lambda _: True
    untaken: Callable[[Any, Mapping[str, str], Outfit], Iterable[Problem]] = lambda *_: ()
    numbers: bool = True


def _rest(settings: Rest, replies: Iterable[Row], outfit: Outfit) -> Connector:
    http, clocks = Http(settings, clock=outfit.now), Clocks(outfit.now, outfit.seconds)
    shows = credentials(settings.auth, settings, http, clocks)
    return rest.connect(settings, Line(http, shows, outfit.envelopes), replies)


def _rest_catalogues(settings: Rest, _replies: Iterable[Row], outfit: Outfit) -> Catalogues:
    http, clocks = Http(settings, clock=outfit.now), Clocks(outfit.now, outfit.seconds)
    return RestCatalogues(settings, http, credentials(settings.auth, settings, http, clocks))


def _soap(settings: Soap, replies: Iterable[Row], outfit: Outfit) -> Connector:
    from connectors.soap import client as soap  # noqa: PLC0415 - heavy: what reads WSDL; only what sends to such a partner needs it

    http, clocks = Http(settings, clock=outfit.now), Clocks(outfit.now, outfit.seconds)
    return soap.connect(
        settings,
        http,
        credentials(settings.auth, settings, http, clocks),
        replies,
        library=outfit.library,
        clock=outfit.now,
        envelopes=outfit.envelopes,
    )


def _soap_untaken(settings: Soap, operations: Mapping[str, str], outfit: Outfit) -> Iterable[Problem]:
    from connectors.soap import fit, wsdl  # noqa: PLC0415 - heavy: what reads WSDL; only who checks a partner's file asks

    if not operations:
        return ()
    service = wsdl.load(
        outfit.library, settings.wsdl, version=settings.version, service=settings.service, port=settings.port
    )
    return fit.untaken(service, settings, operations)


def _national_portal(settings: NationalPortal, replies: Iterable[Row], outfit: Outfit) -> Connector:
    from connectors.national_portal import client as national_portal  # noqa: PLC0415

    http, shows = _portal(settings, outfit)
    return national_portal.connect(settings, http, replies, clock=outfit.seconds, credentials=shows)


def _portal_catalogues(settings: NationalPortal, replies: Iterable[Row], outfit: Outfit) -> Catalogues:
    from connectors.national_portal.catalogues import PortalCatalogues  # noqa: PLC0415
    from connectors.national_portal.line import Line as PortalLine  # noqa: PLC0415

    http, shows = _portal(settings, outfit)
    line = PortalLine(settings, http, tuple(replies), outfit.seconds, shows)
    columns = {str(id_): told for id_, told in settings.dictionaries.items()}
    return PortalCatalogues(line, settings.levels, columns)


def _portal(settings: NationalPortal, outfit: Outfit) -> tuple[Http, Credentials | None]:
    http, clocks = Http(settings, clock=outfit.now), Clocks(outfit.now, outfit.seconds)
    front = settings.connector
    return http, credentials(front.auth, settings, http, clocks) if front else None


def _national_portal_g2(settings: NationalPortalG2, replies: Iterable[Row], outfit: Outfit) -> Connector:
    from connectors.national_portal_g2 import client as national_portal_g2  # noqa: PLC0415

    http, clocks = Http(settings, clock=outfit.now), Clocks(outfit.now, outfit.seconds)
    shows = credentials(settings.auth, settings, http, clocks)
    return national_portal_g2.connect(settings, http, shows, replies)


def _gip(settings: Gip, replies: Iterable[Row], outfit: Outfit) -> Connector:
    from connectors.gip import client as gip  # noqa: PLC0415

    http, clocks = Http(settings, clock=outfit.now), Clocks(outfit.now, outfit.seconds)
    shows = credentials(settings.auth, settings, http, clocks)
    return gip.connect(settings, Line(http, shows, outfit.envelopes), replies)


def _written(settings: Mailbox | Folder, mapping: Writer) -> Codec:
    return written.build(settings.media_type, mapping)


def _uncalled(_settings: Mailbox | Edge, _replies: Iterable[Row], _outfit: Outfit) -> Connector:
    return Uncalled()


def _axis(settings: Edxml, outfit: Outfit) -> Axis:
    from connectors.edxml.axis import Axis  # noqa: PLC0415

    http, clocks = Http(settings, clock=outfit.now), Clocks(outfit.now, outfit.seconds)
    return Axis(settings, http, credentials(settings.auth, settings, http, clocks), outfit.now)


def _edxml(settings: Edxml, replies: Iterable[Row], outfit: Outfit) -> Connector:
    from connectors.edxml import client as edxml  # noqa: PLC0415

    return edxml.connect(_axis(settings, outfit), replies)


def _edxml_collector(settings: Edxml, outfit: Outfit) -> Collector:
    from connectors.edxml import collector as edxml_collector  # noqa: PLC0415

    return edxml_collector.collector(settings, _axis(settings, outfit))


def _dropped(settings: Folder, _replies: Iterable[Row], outfit: Outfit) -> Connector:
    from connectors.folder.drop import Drop  # noqa: PLC0415

    return Drop(settings, outfit.now)


def _picked(settings: Folder, outfit: Outfit) -> Collector:
    from connectors.folder.pickup import PickUp  # noqa: PLC0415

    return PickUp(settings, outfit.now)


def _rest_room() -> Room:
    return Room(
        settings=Rest,
        build=rest_codec.build,
        connect=_rest,
        encloses=rest_codec.encloses,
        catalogues=_rest_catalogues,
        publishes=lambda settings: bool(settings.dictionaries),
    )


def _soap_room() -> Room:
    return Room(
        settings=Soap,
        build=soap_codec.build,
        connect=_soap,
        check_signed=check_about,
        encloses=soap_codec.encloses,
        untaken=_soap_untaken,
    )


def _edxml_room() -> Room:
    from connectors.edxml import codec  # noqa: PLC0415
    from connectors.edxml.settings import Settings  # noqa: PLC0415

    return Room(
        settings=Settings,
        build=codec.build,
        connect=_edxml,
        collect=_edxml_collector,
        encloses=lambda _: codec.LARGEST,
        numbers=False,
    )


def _national_portal_room() -> Room:
    from connectors.national_portal import codec  # noqa: PLC0415
    from connectors.national_portal.settings import Settings  # noqa: PLC0415

    return Room(
        settings=Settings,
        build=codec.build,
        connect=_national_portal,
        catalogues=_portal_catalogues,
    )


def _national_portal_g2_room() -> Room:
    from connectors.national_portal_g2 import codec  # noqa: PLC0415
    from connectors.national_portal_g2.settings import Settings  # noqa: PLC0415

    return Room(
        settings=Settings,
        build=codec.build,
        connect=_national_portal_g2,
        encloses=lambda _: codec.LARGEST,
    )


def _gip_room() -> Room:
    from connectors.gip import codec  # noqa: PLC0415
    from connectors.gip.settings import Settings  # noqa: PLC0415

    return Room(settings=Settings, build=codec.build, connect=_gip, numbers=False)


def _edge_room() -> Room:
    return Room(settings=Edge, build=edge_codec.build, connect=_uncalled)


def _mailbox_room() -> Room:
    return Room(settings=Mailbox, build=_written, connect=_uncalled)


def _folder_room() -> Room:
    from connectors.folder.settings import Settings  # noqa: PLC0415

    return Room(settings=Settings, build=_written, connect=_dropped, collect=_picked)


ROOMS: Mapping[str, Room] = Loaded(
    {
        "rest": _rest_room,
        "soap": _soap_room,
        "edxml": _edxml_room,
        "national_portal": _national_portal_room,
        "national_portal_g2": _national_portal_g2_room,
        "gip": _gip_room,
        "edge": _edge_room,
        "mailbox": _mailbox_room,
        "folder": _folder_room,
    }
)
COLLECTING = frozenset({"edxml", "folder"})
"""Kinds whose rooms pick up: known without loading any."""


def _portal_desk() -> Desk:
    from connectors.dvcqg.desk import Desk  # noqa: PLC0415

    return Desk()


def _lgsp_desk() -> Desk:
    from connectors.lgsp.desk import Desk  # noqa: PLC0415

    return Desk()


def _mapi_desk() -> Desk:
    from connectors.mapi.desk import Desk  # noqa: PLC0415

    return Desk()


def _soap_desk() -> Desk:
    from connectors.soap_desk.desk import Desk  # noqa: PLC0415

    return Desk()


def _vbdlis_desk() -> Desk:
    from connectors.vbdlis.desk import Desk  # noqa: PLC0415

    return Desk()


DESKS: Mapping[str, Desk] = Loaded(
    {
        "portal": _portal_desk,
        "lgsp": _lgsp_desk,
        "mapi": _mapi_desk,
        "soap": _soap_desk,
        "vbdlis": _vbdlis_desk,
    }
)
"""Drop-in desks by the name that ``[desks]`` of the settings gives them."""
