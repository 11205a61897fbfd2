"""What an officer says of a dossier: a form becomes a message of the partner's own, by the way that all messages come in.

Each form carries an id that is used once: sent again by a double click, the back button or a reload, it finds the receipt of the first
time. The hub vouches for it: who was signed in is stored with the message and named in the journal by its id.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Enclosed
from hub.api.desk import Brought
from hub.console import acts, forms, visits
from hub.console.acts import NEW, Speaker
from hub.console.telling import mistakes
from hub.console.visits import ROOT
from hub.deadlines.calendar import VIETNAM
from hub.documents.bringing import Bringing
from hub.judging.wrapping import OFFICER
from hub.partners.access import Identity, Way
from schemas.dossier import Kind, to_json
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.responses import Response

    from hub.api.desk import Caller
    from hub.console.acts import Field
    from hub.console.forms import Form
    from hub.console.office import Office
    from hub.console.visits import Work
    from hub.intake.spool import Sheet
    from hub.store.contract.intake import Accepted
    from schemas.dossier import Message, State

NOT_NOW, SAID_OTHERWISE = "HUB-OFF-007", "HUB-IDM-002"
_ONCE = re.compile(r"[0-9A-Z]{26}")


class Blank(msgspec.Struct, frozen=True, kw_only=True):
    """A form before anything is written in it. ``becomes``: the dossier's state after it, where it changes."""

    kind: Kind
    action: str
    fields: Sequence[Field]
    id: str = ""
    code: str = ""
    becomes: State | None = None


class Saying:
    """The forms. ``office``: what the pages share."""

    def __init__(self, office: Office) -> None:
        self._office, self._deps = office, office.deps
        deps = office.deps
        self._bringing = Bringing(
            documents=deps.store.documents,
            new_id=deps.new_id,
            limit=deps.limits.document,
            quota=deps.limits.unclaimed,
            expires=deps.keeping.expires,
            unscanned=deps.unscanned,
        )

    async def page(self, work: Work) -> Response:
        return self._show(work, await self._blank(work), forms.Form({}))

    async def page_of_new(self, work: Work) -> Response:
        return self._show(work, self._new(work), forms.Form({}))

    async def page_again(self, work: Work) -> Response:
        """Show a form with what was typed in it before signing in."""
        return self._show(
            work, await self._blank(work, sent=True), await self._office.kept(work.visit), resumed=True
        )

    async def page_of_new_again(self, work: Work) -> Response:
        return self._show(work, self._new(work), await self._office.kept(work.visit), resumed=True)

    async def send(self, work: Work) -> Response:
        """Whether it may be said now is for intake to decide: who sends a form again gets its receipt, whatever happened since."""
        blank = await self._blank(work, sent=True)
        return await self._take(
            work, blank, lambda form, by, key: acts.message(blank.kind, blank.code, form, by, key)
        )

    async def send_new(self, work: Work) -> Response:
        return await self._take(work, self._new(work), acts.opening)

    def _new(self, work: Work) -> Blank:
        if not work.agency.creates:
            raise refuse(NOT_NOW)
        return Blank(kind=Kind.RECEIVED, action=f"{ROOT}/new", fields=NEW)

    async def _blank(self, work: Work, *, sent: bool = False) -> Blank:
        """Raises ``Refusal`` HUB-OFF-008, HUB-OFF-007 for what cannot be said of this dossier now."""
        view, story = await self._office.open(work)
        wanted = str(work.visit.request.path_params["kind"])
        kind = next((each for each in acts.ACTS if each == wanted and wanted in work.agency.kinds), None)
        code = self._office.code(work, view)
        if kind is None or not code:
            raise refuse(NOT_NOW)
        now = {each.kind: each.state for each in self._office.possible(work, view, story)}
        if kind not in now and not sent:
            raise refuse(NOT_NOW)
        after = now.get(kind)
        return Blank(
            kind=kind,
            action=f"{ROOT}/dossiers/{view.id}/say/{kind}",
            fields=acts.ACTS[kind],
            id=view.id,
            code=code,
            becomes=after if after != story.state else None,
        )

    def _show(
        self, work: Work, blank: Blank, form: Form, refusal: Refusal | None = None, *, resumed: bool = False
    ) -> Response:
        visit, office = work.visit, self._office
        said = office.told(visit, refusal, blank.fields) if refusal else None
        otherwise = refusal is not None and refusal.code == SAID_OTHERWISE
        once = form["once"] if _ONCE.fullmatch(form["once"]) and not otherwise else self._deps.new_id()
        return office.html(
            visit,
            "say.html",
            tab="" if blank.id else "new",
            status=said.status if said else 200,
            kind=blank.kind,
            action=blank.action,
            fields=blank.fields,
            id=blank.id,
            code=blank.code,
            becomes=blank.becomes,
            form=form,
            told=said,
            wrong=mistakes(said) if said else {},
            once=once,
            anew=otherwise,
            resumed=resumed,
            example=f"{work.agency.code}-{self._today()}-0001",
            procedures=self._procedures(work),
        )

    def _today(self) -> str:
        return self._deps.now().astimezone(VIETNAM).strftime("%y%m%d")

    def _procedures(self, work: Work) -> list[tuple[str, str]]:
        registries, on = self._deps.registries, self._deps.now().astimezone(VIETNAM).date()
        if registries is None:
            return []
        english = work.visit.language == "en"
        return sorted(
            (each.national, each.name.en if english else each.name.vi)
            for each in registries.procedures.entries.values()
            if each.national and each.counts(on)
        )

    async def _take(
        self, work: Work, blank: Blank, said: Callable[[Form, Speaker, str], Message]
    ) -> Response:
        deps, visit = self._deps, work.visit
        form = forms.Form({})

        async def opened(caller: Caller, sheet: Sheet) -> Sequence[Brought]:
            nonlocal form
            content_type = visit.request.headers.get("content-type", "")
            read = await asyncio.to_thread(forms.read, sheet.read(), content_type)
            visits.check_stamp(visit, read)
            form = read
            if not _ONCE.fullmatch(form["once"]):
                raise refuse(visits.STALE)
            acts.check(blank.fields, form)
            key = f"form-{form['once']}"
            if not await deps.store.said.under(work.agency.id, key):
                acts.in_time(blank.fields, form, deps.now())
            body = to_json(said(form, Speaker(work.agency, work.officer.name), key))
            enclosed = [_enclosed(file) for file in form.files.get("files", ())]
            if enclosed:
                with deps.carrying.bring(caller.id):
                    await self._bringing.bring(caller.id, enclosed, deps.now())
            headers = {"content-type": "application/json", "idempotency-key": key, OFFICER: work.officer.id}
            return (Brought(body=body, headers=headers),)

        who = Identity(partner=work.agency.id, way=Way.OFFICER, label=work.officer.id)
        try:
            (accepted,) = await deps.take_in(visit.request, opened, self._office.console.spool, known=who)
        except Refusal as refusal:
            return self._show(work, blank, form, refusal)
        return _done(accepted)


def _enclosed(file: forms.File) -> Enclosed:
    return Enclosed(
        sha256=file.sha256,
        content=file.content,
        media_type=file.media_type,
        name=file.name,
        place="files",
    )


def _done(accepted: Accepted) -> Response:
    told = "dossier.again" if accepted.replayed else "dossier.sent"
    return visits.go(f"{ROOT}/sent/{accepted.message}?done={told}")
