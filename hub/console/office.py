"""The officer's pages: what waits, one message, what was received and sent, a dossier and its answers (ADR 19).

They need no script. Nothing here is a way in of its own: letters are fetched and answered by the mailbox's door, messages go through
``Deps.take_in`` as all others do, documents leave by the download desk. Who is signed in sees what is its partner's, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.api.downloads import Downloads
from hub.api.later import Later
from hub.api.mailbox import Door
from hub.console import acts, drafts, forms, visits
from hub.console.coming import Coming
from hub.console.figures import FigurePages
from hub.console.gate import stamp
from hub.console.render import STYLE, STYLE_TAG, Pages
from hub.console.saying import Saying
from hub.console.telling import Entry, files, message_of, told
from hub.console.visits import ROOT, SESSION, STRANGER, Visit, Work
from hub.deadlines.calendar import VIETNAM
from hub.lifecycle import State
from hub.receipts.mailbox import LetterAnswer, LetterRefused
from hub.store.contract.views import Filter
from hub.store.vault import Unreadable
from hub.story import record
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

    from hub.api.desk import Deps
    from hub.console.acts import Possible
    from hub.console.forms import Form
    from hub.console.parts import Console
    from hub.console.telling import Told
    from hub.store.contract.views import DossierView, MessageView, TransferView
    from hub.story.record import Story

log = structlog.get_logger(__name__)

Handler = Callable[[Work], Awaitable[Response]]

PAGE = 50
HISTORY = 50
"""Messages of a dossier that are shown, the newest."""
SMALL_FORM = 64 * 1024
"""Bytes of a form without files."""
NOT_HERE = "HUB-OFF-008"
DONE = frozenset(
    {"letter.done_confirmed", "letter.done_refused", "dossier.sent", "dossier.again", "figures.said"}
)
"""What a page may say on top after something was done."""
SETTLED = tuple(map(str, (State.DELIVERED, State.ACKNOWLEDGED, State.REFUSED)))
_UID = re.compile(r"[0-9a-f-]{36}")


def add(app: FastAPI, deps: Deps, console: Console) -> None:
    """Put the pages into the app. They are no part of the described API: people open them, not systems."""
    office = Office(deps, console)
    saying, figures = Saying(office), FigurePages(office)
    letter, dossier = f"{ROOT}/letters/{{transfer}}", f"{ROOT}/dossiers/{{dossier}}"
    for method, path, endpoint in (
        ("GET", f"{ROOT}/style-{STYLE_TAG}.css", office.style),
        ("GET", f"{ROOT}/sign-in", office.coming.sign_in_page),
        ("POST", f"{ROOT}/sign-in", office.coming.sign_in),
        ("POST", f"{ROOT}/sign-out", office.coming.sign_out),
        ("POST", f"{ROOT}/look", office.coming.look),
        ("GET", ROOT, office.inside(office.waiting)),
        ("GET", letter, office.inside(office.letter)),
        ("POST", f"{letter}/confirm", office.inside(office.confirm)),
        ("POST", f"{letter}/refuse", office.inside(office.refuse)),
        ("POST", f"{letter}/refuse{drafts.AGAIN}", office.inside(office.refuse_again)),
        ("GET", f"{letter}/files/{{uid}}", office.inside(office.file)),
        ("GET", f"{ROOT}/received", office.inside(office.received)),
        ("GET", f"{ROOT}/sent", office.inside(office.sent)),
        ("GET", f"{ROOT}/sent/{{message}}", office.inside(office.receipt)),
        ("GET", f"{ROOT}/dossiers", office.inside(office.find)),
        ("GET", dossier, office.inside(office.dossier)),
        ("GET", f"{dossier}/say/{{kind}}", office.inside(saying.page)),
        ("POST", f"{dossier}/say/{{kind}}", office.inside(saying.send)),
        ("POST", f"{dossier}/say/{{kind}}{drafts.AGAIN}", office.inside(saying.page_again)),
        ("GET", f"{ROOT}/figures", office.inside(figures.page)),
        ("GET", f"{ROOT}/figures/dossiers", office.inside(figures.dossiers)),
        ("POST", f"{ROOT}/figures/reasons", office.inside(figures.explain)),
        ("GET", f"{ROOT}/new", office.inside(saying.page_of_new)),
        ("POST", f"{ROOT}/new", office.inside(saying.send_new)),
        ("POST", f"{ROOT}/new{drafts.AGAIN}", office.inside(saying.page_of_new_again)),
        ("GET", f"{ROOT}/{{rest:path}}", office.inside(office.elsewhere)),
    ):
        app.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_class=Response,
            include_in_schema=False,
            name=f"{method} {path}",
        )


class Office:
    """The pages that are read, and what all of them share."""

    def __init__(self, deps: Deps, console: Console) -> None:
        self.deps, self.console, self.pages = deps, console, Pages()
        self._door, self._downloads = Door(deps), Downloads(deps)
        self.coming = Coming(self)
        agencies = deps.registries.agencies if deps.registries else None
        self.forms = agencies.forms if agencies else {}

    # --- who is here

    async def visit(self, request: Request) -> Visit:
        secure = visits.secure(request, self.deps.base)
        language, theme = visits.preferred(request, self.deps.language, secure=secure)
        token = visits.cookie(request, SESSION, secure=secure)
        found = await self.console.gate.visitor(token)
        agency = self.console.agencies.get(found.officer.partner) if found else None
        if found is None or agency is None:
            token = visits.cookie(request, STRANGER, secure=secure)
            return Visit(request, language, theme, secure, token)
        return Visit(request, language, theme, secure, token, found.officer, agency)

    def inside(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Let those in who are signed in, and say in words what could not be done."""

        async def answer(request: Request) -> Response:
            visit = await self.visit(request)
            if visit.officer is None or visit.agency is None:
                return await self.coming.outside(visit)
            try:
                if request.method == "GET":
                    self.console.reading.turn(visit.officer.id)
                if not all(str(part).isprintable() for part in request.path_params.values()):
                    raise refuse(NOT_HERE)
                return await handler(Work(visit, visit.officer, visit.agency))
            except Refusal as refusal:
                response = self.error(visit, refusal)
                if isinstance(refusal, Later):
                    response.headers["Retry-After"] = str(refusal.wait)
                return response

        return answer

    async def kept(self, visit: Visit) -> Form:
        """Read what was typed before signing in. Raises ``Refusal`` as ``small``, and HUB-OFF-003."""
        body = await self.deps.acknowledging.body(visit.request, drafts.LARGEST)
        form = forms.read(body, visit.request.headers.get("content-type", ""))
        visits.check_stamp(visit, form)
        return form

    def html(
        self,
        visit: Visit,
        template: str,
        *,
        tab: str = "",
        status: int = 200,
        **parts: Any,  # noqa: ANN401 - whatever a page shows
    ) -> Response:
        request = visit.request
        query = f"?{request.url.query}" if request.url.query else ""
        here = f"{request.url.path}{query}" if request.method == "GET" else ROOT
        shown = self.pages.html(
            template,
            visit.language,
            self.deps.now(),
            theme=visit.theme,
            stamp=stamp(visit.token),
            here=visits.own(here),
            agency=visit.agency,
            officer=visit.officer.name if visit.officer else "",
            by=visit.officer.id if visit.officer else "",
            tabs=self._tabs(visit),
            tab=tab,
            **parts,
        )
        return visits.page(shown, visit, status)

    def _tabs(self, visit: Visit) -> list[tuple[str, str]]:
        agency = visit.agency
        if agency is None:
            return []
        shown = (
            ("waiting", ROOT, agency.receives),
            ("received", f"{ROOT}/received", agency.receives),
            ("sent", f"{ROOT}/sent", bool(agency.kinds)),
            ("new", f"{ROOT}/new", agency.creates),
            ("figures", f"{ROOT}/figures", self.deps.registries is not None),
        )
        return [(name, address) for name, address, there in shown if there]

    def told(self, visit: Visit, refusal: Refusal, fields: Sequence[acts.Field] = ()) -> Told:
        return told(refusal, self.deps.catalogue, self.pages, visit.language, fields)

    def error(self, visit: Visit, refusal: Refusal) -> Response:
        said = self.told(visit, refusal)
        return self.html(visit, "error.html", status=said.status, told=said)

    def note(self, visit: Visit) -> str:
        said = visit.request.query_params.get("done", "")
        return said if said in DONE else ""

    async def elsewhere(self, work: Work) -> Response:
        if not work.visit.request.path_params["rest"]:
            return visits.go(ROOT)
        raise refuse(NOT_HERE)

    async def style(self, _request: Request) -> Response:
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(STYLE, media_type="text/css", headers=headers)

    async def small(self, visit: Visit) -> Form:
        """Read a form without files. Raises ``Refusal`` HUB-LIM-001, -004, HUB-OFF-004."""
        body = await self.deps.acknowledging.body(visit.request, SMALL_FORM)
        return forms.read(body, visit.request.headers.get("content-type", ""))

    # --- what waits

    async def waiting(self, work: Work) -> Response:
        visit = work.visit
        if not work.agency.receives:
            return visits.go(f"{ROOT}/sent")
        after = visit.request.query_params.get("after", "")
        found = await self._door.letters(work.agency.id, after, PAGE)
        return self.html(
            visit,
            "waiting.html",
            tab="waiting",
            letters=found.letters,
            more=found.next,
            note=self.note(visit),
        )

    async def letter(self, work: Work) -> Response:
        """Open one: from here on it counts as fetched."""
        return await self._letter(work, forms.Form({}))

    async def _letter(self, work: Work, form: Form, refusal: Refusal | None = None) -> Response:
        visit, transfer = work.visit, str(work.visit.request.path_params["transfer"])
        self._door.check(work.agency.id)
        view = await self._mine(work, transfer)
        if view.offered_at is None and view.dossier and refusal is None:
            return visits.go(f"{ROOT}/dossiers/{view.dossier}")
        found = await self._door.fetched(work.agency.id, transfer)
        if view.fetched_at is None:
            await self._people.note(work.officer.id, "officer_opened", transfer=transfer, now=self.deps.now())
        message = message_of(found.sealed.payload)
        said = self.told(visit, refusal) if refusal else None
        return self.html(
            visit,
            "letter.html",
            tab="waiting",
            status=said.status if said else 200,
            view=view,
            message=message,
            digest=found.digest,
            files=files(message, transfer, self.deps.base),
            **{"from": self.agency_name(visit, message.agency) if message else ""},
            form=form,
            told=said,
        )

    async def confirm(self, work: Work) -> Response:
        """Say that the letter is there: that ends its transfer."""
        form = await self.small(work.visit)
        visits.check_stamp(work.visit, form)
        return await self._answered(work, LetterAnswer(digest=form["digest"].lower()), "confirmed")

    async def refuse(self, work: Work) -> Response:
        """Say that it cannot be processed, and why."""
        form = await self.small(work.visit)
        visits.check_stamp(work.visit, form)
        try:
            said = msgspec.convert({"reason": form["reason"], "code": form["reason_code"]}, LetterRefused)
        except msgspec.ValidationError:
            places = [("reason", form["reason"]), ("reason_code", "")]
            place = next(name for name, value in places if not value)
            return await self._letter(work, form, refuse(acts.MISSING, place))
        return await self._answered(
            work, LetterAnswer(digest=form["digest"].lower(), refused=said), "refused"
        )

    async def refuse_again(self, work: Work) -> Response:
        """Show the letter with the reason that was typed before signing in."""
        return await self._letter(work, await self.kept(work.visit))

    async def _answered(self, work: Work, said: LetterAnswer, what: str) -> Response:
        transfer = str(work.visit.request.path_params["transfer"])
        self._door.check(work.agency.id)
        view = await self._mine(work, transfer)
        with self.deps.acknowledging.place(work.agency.id):
            await self._door.settled(
                work.agency.id, transfer, said, msgspec.json.encode(said), work.visit.request
            )
        await self._people.note(work.officer.id, f"officer_{what}", transfer=transfer, now=self.deps.now())
        to = f"dossiers/{view.dossier}" if view.dossier else "received"
        return visits.go(f"{ROOT}/{to}?done=letter.done_{what}")

    async def _mine(self, work: Work, transfer: str) -> TransferView:
        """Return a transfer to this partner; somebody else's is none."""
        found = await self.deps.store.transfer(transfer)
        if found is None or (found.id, found.partner) != (transfer, work.agency.id):
            raise refuse(NOT_HERE)
        return found

    async def file(self, work: Work) -> Response:
        """Send a document of a message to this partner, by the desk by which all documents leave."""
        uid = str(work.visit.request.path_params["uid"])
        if not _UID.fullmatch(uid):
            raise refuse("HUB-DOC-011")
        return await self._downloads.send(work.visit.request, uid, work.agency.id)

    @property
    def _people(self) -> Any:  # noqa: ANN401 - the store's part
        return self.deps.store.people

    # --- what was

    async def received(self, work: Work) -> Response:
        which = Filter(partner=work.agency.id, states=SETTLED, after=self._after(work), limit=PAGE)
        return await self._list(work, "received", which)

    async def sent(self, work: Work) -> Response:
        """What this partner said, newest first, with what became of it; also what nobody was told."""
        found = await self.deps.store.messages(work.agency.id, self._after(work), PAGE)
        return self.html(
            work.visit,
            "sent.html",
            tab="sent",
            sent=[await self._told(each) for each in found],
            more=found[-1].id if len(found) == PAGE else "",
            note=self.note(work.visit),
            names=self._names(work.visit),
        )

    async def _told(self, message: MessageView) -> tuple[MessageView, str, list[TransferView]]:
        """A message, the code of its dossier, and its transfers."""
        views = [await self.deps.store.transfer(each) for each in message.transfers]
        transfers = [each for each in views if each]
        return message, transfers[0].code or "" if transfers else await self._code_of(message), transfers

    async def _code_of(self, message: MessageView) -> str:
        view = await self.deps.store.dossier(message.dossier) if message.dossier else None
        return next((each.code for each in view.aliases), "") if view else ""

    def _after(self, work: Work) -> str:
        said = str(work.visit.request.query_params.get("after", ""))
        return said if said.isprintable() else ""

    async def _list(self, work: Work, name: str, which: Filter) -> Response:
        found = await self.deps.store.transfers(which)
        more = found[-1].id if len(found) == PAGE else ""
        return self.html(
            work.visit,
            f"{name}.html",
            tab=name,
            transfers=found,
            more=more,
            note=self.note(work.visit),
            names=self._names(work.visit),
        )

    async def receipt(self, work: Work) -> Response:
        """Show one message of this partner's, and what became of it."""
        wanted = str(work.visit.request.path_params["message"])
        found = await self.deps.store.message(wanted)
        if found is None or (found.id, found.sender) != (wanted, work.agency.id):
            raise refuse(NOT_HERE)
        _, code, transfers = await self._told(found)
        return self.html(
            work.visit,
            "receipt.html",
            tab="sent",
            view=found,
            transfers=transfers,
            code=code,
            note=self.note(work.visit),
            names=self._names(work.visit),
        )

    def _names(self, visit: Visit) -> Callable[[str], str]:
        """Partners by their own names; one that is declared no more by its id."""
        english = visit.language == "en"
        return lambda partner: self.console.names.get(partner, (partner, partner))[english]

    def agency_name(self, visit: Visit, code: str) -> str:
        registries = self.deps.registries
        found = registries.agencies.known(code) if registries else None
        if found is None:
            return code
        return found.en if visit.language == "en" else found.vi

    # --- a dossier

    async def find(self, work: Work) -> Response:
        """Go to the dossier that this partner knows by that code."""
        code = str(work.visit.request.query_params.get("code", "")).strip()
        known = await self.deps.store.known(work.agency.authority, code) if code.isprintable() else None
        view = await self.deps.store.dossier(known.dossier) if known else None
        if view is None or not takes_part(work.agency.id, record.from_json(view.story), view):
            raise refuse(NOT_HERE)
        return visits.go(f"{ROOT}/dossiers/{view.id}")

    async def open(self, work: Work) -> tuple[DossierView, Story]:
        """Return the dossier of this address. Raises ``Refusal`` HUB-OFF-008 for one in which this partner takes no part."""
        wanted = str(work.visit.request.path_params["dossier"])
        view = await self.deps.store.dossier(wanted)
        if view is None or (view.id != wanted and wanted not in view.merged):
            raise refuse(NOT_HERE)
        story = record.from_json(view.story)
        if not takes_part(work.agency.id, story, view):
            raise refuse(NOT_HERE)
        return view, story

    def possible(self, work: Work, view: DossierView, story: Story) -> tuple[Possible, ...]:
        if not self.code(work, view):
            return ()
        on = self.deps.now().astimezone(VIETNAM).date()
        return acts.possible(story, work.agency, on=on, forms=self.forms)

    def code(self, work: Work, view: DossierView) -> str:
        """Return the code under which this partner knows it."""
        own = [each.code for each in view.aliases if each.authority == work.agency.authority]
        return own[0] if own else ""

    async def dossier(self, work: Work) -> Response:
        view, story = await self.open(work)
        return self.html(
            work.visit,
            "dossier.html",
            id=view.id,
            code=self.code(work, view) or next((each.code for each in view.aliases), view.id),
            story=story,
            acts=self.possible(work, view, story),
            history=await self._history(work, view),
            note=self.note(work.visit),
        )

    async def _history(self, work: Work, view: DossierView) -> list[Entry]:
        """What this partner said, and what it was told in the form in which it was told: newest first."""
        own = [each for each in view.messages if each.sender == work.agency.id]
        mine = [each for each in view.transfers if each.partner == work.agency.id]
        found = [await self._heard(work, each) for each in mine[-HISTORY:]]
        said = await self.deps.store.said.readable([each.id for each in own[-HISTORY:]])
        for each in own[-HISTORY:]:
            message = message_of(said.get(each.id, b""))
            found.append(Entry(at=each.accepted_at, kind=each.kind, ours=True, message=message))
        return sorted(found, key=lambda each: each.at, reverse=True)[:HISTORY]

    async def _heard(self, work: Work, view: TransferView) -> Entry:
        message = await self._sealed(view.id) if view.sends > 0 else None
        return Entry(
            at=view.accepted_at,
            kind=view.kind,
            ours=False,
            message=message,
            agency=self.agency_name(work.visit, message.agency) if message else "",
            files=files(message, view.id, self.deps.base),
            letter=view.id if view.offered_at else "",
        )

    async def _sealed(self, transfer: str) -> Any:  # noqa: ANN401 - a message, or nothing
        try:
            kept = await self.deps.store.payloads(transfer)
        except Unreadable:
            return None
        return message_of(kept.sealed.payload) if kept and kept.sealed else None


def takes_part(partner: str, story: Story, view: DossierView) -> bool:
    senders = {each.sender for each in view.messages}
    told = {each.partner for each in view.transfers}
    return partner in {story.origin, *story.parties, *senders, *told}
