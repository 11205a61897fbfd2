"""From the ledger of a real store to what is published: frozen, restated beside it, the same on every page and in every file."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import pytest_asyncio
from lxml import etree

from hub.figures import facts as ledger
from hub.figures.definition import DOSSIERS, FIGURES
from hub.figures.files import file_of
from hub.figures.page import page
from hub.figures.period import period
from hub.figures.publishing import Edition, FigureDesk, agree
from hub.figures.report import FORMS, Form, from_json
from hub.figures.sheets import sheet
from hub.figures.telling import acceptance, message, wanting
from hub.judging.contract import Said
from hub.receipts.receipts import unsigned
from hub.routing.parties import Party
from hub.store.sqlite.store import open_store
from schemas.dossier import Dossier, Event, Kind, Message, to_json
from schemas.dossier import from_json as message_of
from schemas.problems import Refusal
from tests.store.samples import acceptance as taken
from tests.store.samples import numbered_ids
from tests.unit.test_figures import LAND, PROVINCE, TAM_KY, WEEK, WORLD, Story, at, finished, money, received

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from hub.store.contract.store import Store

YEAR = period("2017-01-09", "2017-07-20")
NOW, LATER = at("2017-07-21", 8), at("2017-07-28", 8)
REASON = "Chờ xác minh thực địa"


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path / "hub.db", ids=numbered_ids())
    yield opened
    await opened.close()


async def tell(store: Store, *stories: Story, since: int = 0, **record: Any) -> None:
    """Take in what the stories say from their ``since``-th fact on."""
    for story in stories:
        for n, (known, fact) in list(enumerate(story.facts))[since:]:
            told = Message(
                event=Event(kind=fact.kind, at=fact.at),
                key=fact.key,
                sender=fact.partner,
                agency=LAND,
                dossier=Dossier(code=story.code, **record),
            )
            new = taken(fact.message, dossier=f"d-{story.code}", version=n, partners=(), when=known)
            await store.accept(
                msgspec.structs.replace(new, canonical=to_json(told), fact=ledger.to_json(fact))
            )


async def week(store: Store) -> FigureDesk:
    """Two received, one of them resolved late with a reason; one of the year before; one fee."""
    await tell(store, received("a-1", due="2017-07-30", lines=(money(receipt="r-1", amount=3_000),)))
    late = finished("2017-07-20", code="a-2", due="2017-07-18").say(Kind.RESULT_HANDED_OVER, "2017-07-20", 10)
    late.facts[-1] = (late.facts[-1][0], msgspec.structs.replace(late.facts[-1][1], explains=True))
    await tell(store, late, overdue_reason=REASON, responsible_unit="Văn phòng Đăng ký đất đai")
    await tell(store, received("a-3", "2017-02-01", due="2017-12-30", received_by=TAM_KY))
    return FigureDesk(store, WORLD, "Trung tâm")


async def published(desk: FigureDesk, form: Form = "weekly") -> Edition:
    agency = LAND if form == "06a" else PROVINCE
    draft = await desk.draft(form, agency, WEEK, YEAR if form == "weekly" else None, NOW)
    return await desk.publish(draft, unsigned, "an", "BC-28", NOW)


async def test_what_is_published_never_changes_and_late_facts_stand_beside_it(store: Store) -> None:
    desk = await week(store)
    first = await published(desk)
    total = first.report.total
    assert [total.figures[name] for name in ("received", "resolved_late", "handed_over", "collected")] == [
        2,
        1,
        1,
        3_000,
    ]
    assert [total.since[name] for name in ("received", "handed_over")] == [3, 1]
    with pytest.raises(Refusal, match="HUB-FIG-003"):
        await published(desk)
    _, _, nothing = await desk.restated(first.report.id, LATER)
    assert nothing is None

    await tell(store, received("b-1", "2017-07-19", due="2017-07-30"))
    moved = finished("2017-07-19", code="a-1", due="2017-07-30")
    moved.facts = [received("a-1").facts[0], (LATER, moved.facts[-1][1])]
    await tell(store, moved, since=1)
    _, _, early = await desk.restated(first.report.id, NOW)
    assert early is not None, "what was accepted meanwhile with an earlier clock"
    last, draft, found = await desk.restated(first.report.id, LATER)
    assert found is not None
    told = {change.figure: change for change in found.changes if not change.line and not change.since}
    assert (told["received"].old, told["received"].new, told["received"].added) == (2, 3, 1)
    assert (told["resolved"].old, told["resolved"].new) == (1, 2)
    assert told["resolved"].because == {"finished": 1}
    second = await desk.publish(draft, unsigned, "an", "bổ sung", LATER)
    assert second.report.edition == 2
    assert second.report.restates == found
    again = await desk.edition(first.report.id, 1)
    assert again.raw == first.raw == last.raw
    assert (await desk.edition(first.report.id)).report == second.report
    assert (await desk.restated(first.report.id, LATER))[2] is None


async def test_every_published_figure_is_the_length_of_the_list_behind_it(store: Store) -> None:
    desk = await week(store)
    for form in FORMS:
        edition = await published(desk, form)
        for line in (edition.report.total, *edition.report.lines):
            for name in DOSSIERS:
                assert line.figures[name] == len(edition.behind.of(line.key, name))
        for name in FIGURES:
            assert edition.report.total.figures[name] == sum(
                line.figures[name] for line in edition.report.lines
            )
        assert b"a-2" not in edition.raw, "a published report names no dossier"


async def test_agencies_with_nothing_stand_there_silent(store: Store) -> None:
    edition = await published(await week(store))
    silent = {line.key for line in edition.report.lines if line.silent}
    assert "000.00.16.H47" in silent
    assert LAND not in silent
    rows = {row.key: row for row in sheet(edition.report, "vi").rows}
    assert rows["000.00.16.H47"].cells[-1] == "0, im lặng"
    assert set(rows["000.00.16.H47"].cells[1:-1]) == {0}


async def test_a_late_dossier_has_the_reason_that_somebody_else_accepted(store: Store) -> None:
    desk = await week(store)
    counted = (await desk.draft("weekly", PROVINCE, WEEK, None, NOW)).report
    assert [(each.reason, each.days) for each in counted.late] == [("", 2)], "not accepted, not published"
    (told,) = await desk.late(await desk.count(choice(), NOW))
    assert (told.code, told.why.reason, told.why.unit) == ("a-2", REASON, "Văn phòng Đăng ký đất đai")
    await desk.propose("code-d-a-2", "Mất điện", "Chi nhánh Tam Kỳ", "bình", NOW)
    with pytest.raises(Refusal, match="HUB-FIG-005"):
        await desk.accept("code-d-a-2", "", "bình", NOW)
    with pytest.raises(Refusal, match="HUB-FIG-005"):
        await desk.accept("code-d-a-1", "", "an", NOW)
    with pytest.raises(Refusal, match="HUB-FIG-005"):
        await desk.accept("nobody", "", "an", NOW)
    await desk.accept("code-d-a-2", "", "an", NOW)
    edition = await published(desk)
    (line,) = edition.report.late
    assert (line.reason, line.unit, line.accepted_by) == ("Mất điện", "Chi nhánh Tam Kỳ", "an")
    assert edition.behind.late == ("a-2",)


def choice(**more: Any) -> Any:
    from hub.figures.counting import Choice  # noqa: PLC0415 - beside its only use

    return Choice(period=WEEK, agency=PROVINCE, **more)


async def test_only_a_period_that_is_over_is_published(store: Store) -> None:
    desk = await week(store)
    draft = await desk.draft("weekly", PROVINCE, WEEK, None, at("2017-07-20", 23))
    with pytest.raises(Refusal, match="HUB-FIG-004"):
        await desk.publish(draft, unsigned, "an", "", NOW)
    with pytest.raises(Refusal, match="HUB-FIG-001"):
        await desk.draft("weekly", "nobody", WEEK, None, NOW)
    with pytest.raises(Refusal, match="HUB-FIG-002"):
        await desk.edition("weekly:nobody")


async def test_forms_balance_and_say_what_they_have_no_column_for(store: Store) -> None:
    await tell(store, received("w-1").say(Kind.WITHDRAWN, "2017-07-18"))
    desk = await week(store)
    for form in ("06a", "06b"):
        (total,) = (
            row for row in sheet((await published(desk, form)).report, "vi").rows if row.face == "total"
        )
        columns = [
            column.key for column in sheet((await desk.edition((await ids(store))[-1])).report, "vi").columns
        ]
        told: dict[str, Any] = dict(zip(columns, total.cells, strict=True))
        assert told["06.total"] == told["resolved"] + told["open"] + 1
        assert total.cells[-1] == "Công dân rút: 1"


async def ids(store: Store) -> list[str]:
    return [each.id for each in await store.ledger.publications()]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("language", ["vi", "en"])
async def test_page_spreadsheet_and_json_say_the_same(store: Store, form: Form, language: str) -> None:
    desk = await week(store)
    edition = await published(desk, form)
    told = sheet(edition.report, language)
    numbers = [cell for row in told.rows for cell in row.cells if isinstance(cell, int)]
    html = etree.HTML(file_of(edition, "html", language).decode())
    found: Any = html.xpath("(//table)[1]//td[contains(@class,'number')]")
    shown = ["".join(cell.itertext()).replace(".", "") for cell in found]
    assert [int(each) for each in shown] == numbers
    cells = list(spreadsheet(file_of(edition, "xlsx", language)))
    assert [int(float(value)) for value in cells] == numbers
    assert from_json(file_of(edition, "json", language)) == edition.report
    assert file_of(edition, "xlsx", language) == file_of(edition, "xlsx", language)


def spreadsheet(raw: bytes) -> Iterator[str]:
    """Every number of the first page, row by row."""
    book = zipfile.ZipFile(io.BytesIO(raw))
    root = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    for cell in root.iter("{*}c"):
        value = cell.findtext("{*}v")
        if cell.get("t") is None and value is not None:
            yield value


async def test_no_text_of_a_spreadsheet_is_a_formula_and_no_page_runs_anything(store: Store) -> None:
    hostile = '=HYPERLINK("http://evil","x")<script>alert(1)</script>'
    desk = await week(store)
    await desk.propose("code-d-a-2", hostile, "+cmd|' /C calc'!A0", "bình", NOW)
    await desk.accept("code-d-a-2", "", "an", NOW)
    edition = await published(desk)
    book = zipfile.ZipFile(io.BytesIO(file_of(edition, "xlsx", "vi")))
    pages = [book.read(name) for name in book.namelist() if name.startswith("xl/worksheets/")]
    assert pages
    assert not any(b"<f>" in each or b"<hyperlink" in each for each in pages)
    assert "=HYPERLINK" in book.read("xl/sharedStrings.xml").decode()
    assert "<script>" not in page(sheet(edition.report, "vi"), "vi")


async def test_a_hub_can_see_whether_another_ones_report_agrees_with_its_own_count(store: Store) -> None:
    desk = await week(store)
    told = (await published(desk)).report
    own = (await desk.draft("weekly", PROVINCE, WEEK, YEAR, NOW)).report
    assert agree(told, own) == ()
    await tell(store, received("b-1", "2017-07-19", due="2017-07-30"))
    other = (await desk.draft("weekly", PROVINCE, WEEK, YEAR, NOW)).report
    assert "total received: 2 ≠ 3" in agree(told, other)
    assert f"{LAND} received: 2 ≠ 3" in agree(told, other)


async def test_who_takes_reports_is_brought_each_edition_once(store: Store) -> None:
    edition = await published(await week(store))
    parties = [
        Party(partner_id="press", agency="G22", kinds=("report_published",)),
        Party(partner_id="trial", agency="G22", kinds=("report_published",), stage="trial"),
        Party(partner_id="land", agency=LAND, kinds=("received",)),
    ]
    partners = wanting(parties)
    assert partners == {"press": "live"}

    def encoded(_message: Message, _identity: str, _partner: str) -> list[Said]:
        return [Said(operation="report")]

    for _ in range(2):
        await store.accept(acceptance(edition, partners, encoded, 0, NOW))
    found = [each for each in await store.messages("hub", "", 9) if each.kind == "report_published"]
    assert len(found) == 1
    said = message_of(to_json(message(edition)))
    assert said.report is not None
    assert {each.name: each.value for each in said.report.figures}["received"] == "2"
