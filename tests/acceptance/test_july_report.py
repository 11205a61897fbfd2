"""The weekly report of 14 – 20 July 2017 as it is published: page, JSON and spreadsheet say what the register says, in every cell.

It opens its dossiers, names who accepted why four were late, stays as it was published, and what becomes known later stands beside it.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from hub.figures.counting import World
from hub.figures.period import Period
from hub.figures.publishing import FigureDesk
from hub.receipts.receipts import unsigned
from schemas.problems import Refusal
from tests.july import oracle
from tests.july.days import at, midnight
from tests.july.oracle import Window
from tests.july.partners import key_of
from tests.july.places import PROVINCE, TAM_KY, agencies
from tests.july.plan import is_late
from tests.july.reading import of_page, of_workbook
from tests.july.targets import BEGAN, FIRST, LAST
from tests.july.telling import Act

if TYPE_CHECKING:
    from hub.figures.publishing import Edition
    from tests.july.facts import Case
    from tests.july.office import Running
    from tests.july.plan import Plan
    from tests.july.reading import Table

pytestmark = [
    pytest.mark.xdist_group("july"),
    pytest.mark.timeout(3600),
    pytest.mark.asyncio(loop_scope="session"),
]
WEEK, SINCE = Window(FIRST, LAST), Window(BEGAN, LAST)
MORNING = at(date(2017, 7, 21), 8)
DIRECTOR = "giám đốc Trung tâm"
COLUMNS = {
    "Từ kỳ trước": "carried_over",
    "Tiếp nhận trong kỳ: Tổng số": "received",
    "Tiếp nhận trong kỳ: Trực tuyến": "received_online",
    "Tiếp nhận trong kỳ: Trực tiếp": "received_direct",
    "Tiếp nhận trong kỳ: Bưu chính": "received_post",
    "Đã giải quyết: Tổng số": "resolved",
    "Đã giải quyết: Trước hạn": "resolved_early",
    "Đã giải quyết: Đúng hạn": "resolved_on_time",
    "Đã giải quyết: Quá hạn": "resolved_late",
    "Đang giải quyết: Trong hạn": "open_in_time",
    "Đang giải quyết: Quá hạn": "open_late",
    "Đang giải quyết: Tạm dừng": "paused",
    "Kết quả: Bàn giao": "handed_over",
    "Kết quả: Trả dân": "returned",
    "Khác: Rút": "withdrawn",
    "Khác: Từ chối": "refused",
    "Phí, lệ phí (đồng): Đã thu": "collected",
    "Phí, lệ phí (đồng): Đã hoàn": "refunded",
    "Phí, lệ phí (đồng): Nộp kho bạc": "remitted",
}
COUNTED_UP = {
    "Lũy kế: Tiếp nhận": "received",
    "Lũy kế: Bàn giao": "handed_over",
    "Lũy kế: Đã thu (đồng)": "collected",
}
NOTE, TOTAL, SILENT = "Ghi chú", "Tổng cộng", "0, im lặng"


@pytest.fixture(scope="module")
def desk(told: Running) -> FigureDesk:
    router = told.hub.parts.router
    world = World(agencies=router.agencies, procedures=router.procedures)
    return FigureDesk(told.hub.store, world, "trung-tam")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def published(told: Running, desk: FigureDesk, half_year: Plan) -> Edition:
    """On Friday morning the director accepts the four reasons, and the report is published."""
    told.clock.move(MORNING)
    for case in late_ones(half_year):
        await desk.accept(case.code, "", DIRECTOR, told.clock.at)
    draft = await desk.draft("weekly", PROVINCE, period(WEEK), period(SINCE), told.clock.at)
    return await desk.publish(draft, unsigned, DIRECTOR, "", told.clock.at)


def period(window: Window) -> Period:
    return Period(first=window.first, last=window.last)


def late_ones(made: Plan) -> list[Case]:
    """The four, in the order of their codes."""
    over = midnight(FIRST)
    late = [case for case in made.cases if is_late(case) and case.finished_at and case.finished_at >= over]
    return sorted(late, key=lambda case: case.code)


def register(made: Plan) -> Table:
    """The report as the register has it: every unit's line and the total, every column."""
    spans = ((WEEK, COLUMNS), (SINCE, COUNTED_UP))
    found: Table = {}
    for by in ("agency", "all"):
        lines = {unit: row["vi"] for unit, row in agencies().items()} if by == "agency" else {"": TOTAL}
        for window, columns in spans:
            dossiers, money = oracle.figures(made, window, by), oracle.money(made, window, by)
            for key, name in lines.items():
                told = {figure: len(codes) for figure, codes in dossiers.get(key, {}).items()}
                told |= money.get(key, {})
                cells = {column: told.get(figure, 0) for column, figure in columns.items()}
                found.setdefault(name, {}).update(cells)
                if window is WEEK:
                    again = told.get("reopened", 0)  # the form has no column for it
                    found[name][NOTE] = (f"Mở lại: {again}" if again else "") if told else SILENT
    return found


async def test_page_and_spreadsheet_say_in_every_cell_what_the_register_has(
    told: Running, published: Edition, half_year: Plan
) -> None:
    wanted, there = register(half_year), f"/reports/{published.publication.id}/1"
    assert len(wanted) > 200
    assert differing(of_page(await fetched(told, f"{there}?lang=vi"))[0], wanted) == []
    assert differing(of_workbook(await fetched(told, f"{there}.xlsx?lang=vi")), wanted) == []


async def test_the_signed_document_says_the_same(told: Running, published: Edition, half_year: Plan) -> None:
    found = json.loads(await fetched(told, f"/v1/reports/{published.publication.id}/1"))
    total, targets = found["total"], half_year.targets
    assert total["figures"]["received"] == targets.week_received
    assert total["figures"]["handed_over"] == targets.week_handed_over
    assert total["figures"]["resolved_late"] == targets.week_late
    assert total["since"]["received"] == targets.received
    assert total["since"]["handed_over"] == targets.handed_over
    assert total["since"]["collected"] == targets.collected
    for window, what in ((WEEK, "figures"), (SINCE, "since")):
        wanted = values(half_year, window)
        for line in found["lines"]:
            said = {name: value for name, value in line[what].items() if value}
            assert said == wanted.get(line["key"], {}), line["key"]


async def test_a_district_asks_for_its_own_figures_and_opens_them(told: Running, half_year: Plan) -> None:
    """Over the API, as its own system may: what it received itself and what its communes did, and nobody else's."""
    days = "from=2017-07-14&to=2017-07-20"
    found = json.loads(await fetched(told, f"/v1/figures?{days}&by=agency", "tam-ky"))
    tree = {unit for unit, row in agencies().items() if TAM_KY in (unit, row["parent"])}
    wanted = values(half_year, WEEK)
    assert {row["key"] for row in found["rows"]} == tree
    for row in found["rows"]:
        assert {name: value for name, value in row["figures"].items() if value} == wanted.get(row["key"], {})
    opened = json.loads(await fetched(told, f"/v1/figures/received?{days}", "tam-ky"))
    dossiers = oracle.figures(half_year, WEEK, "agency")
    assert opened["dossiers"] == sorted(
        code for unit in tree for code in dossiers.get(unit, {}).get("received", [])
    )


async def test_every_figure_opens_its_dossiers(published: Edition, half_year: Plan) -> None:
    for window, since in ((WEEK, False), (SINCE, True)):
        dossiers = oracle.figures(half_year, window, "agency")
        for unit in agencies():
            for figure in COLUMNS.values():
                if figure in {"collected", "refunded", "remitted"}:
                    continue
                found = published.behind.of(unit, figure, since=since)
                assert [*found] == dossiers.get(unit, {}).get(figure, [])


async def test_the_four_that_were_late_have_their_reasons_and_who_accepted_them(
    told: Running, published: Edition, half_year: Plan
) -> None:
    wanted = [(case.unit, case.excuse and case.excuse.reason, DIRECTOR) for case in late_ones(half_year)]
    assert [(each.agency, each.reason, each.accepted_by) for each in published.report.late] == wanted
    assert all(each.unit and each.days >= 0 for each in published.report.late)
    reasons = of_page(await fetched(told, f"/reports/{published.publication.id}/1?lang=vi"))[1]
    assert {str(row["Lý do được chấp nhận"]) for row in reasons.values()} <= {
        reason for _, reason, _ in wanted
    }
    assert published.behind.late == tuple(case.code for case in late_ones(half_year))


async def test_what_was_published_is_not_published_again(
    told: Running, desk: FigureDesk, published: Edition
) -> None:
    assert published.report.edition == 1
    again = await desk.draft("weekly", PROVINCE, period(WEEK), period(SINCE), told.clock.at)
    with pytest.raises(Refusal, match="HUB-FIG-003"):
        await desk.publish(again, unsigned, DIRECTOR, "", told.clock.at)


async def test_what_becomes_known_later_stands_beside_what_was_published(
    told: Running, desk: FigureDesk, published: Edition, half_year: Plan
) -> None:
    """On Monday a unit tells that it handed over a result on Thursday."""
    assert (await desk.restated(published.publication.id, told.clock.at))[2] is None
    case = forgotten(half_year)
    told.clock.move(at(date(2017, 7, 24), 9))
    told.clerks.sign_out()
    await told.clerks.say(
        Act(at(LAST, 16, 40), case.counter.done_by, "result_handed_over", case, {"to_agency": PROVINCE})
    )
    told.clock.move(told.clock.at + timedelta(minutes=1))
    last, draft, restated = await desk.restated(published.publication.id, told.clock.at)
    assert last.raw == published.raw
    assert restated is not None
    lines = {
        (change.line, change.since): (change.old, change.new, dict(change.because))
        for change in restated.changes
        if change.figure == "handed_over"
    }
    week, since = half_year.targets.week_handed_over, half_year.targets.handed_over
    assert lines["", False] == (week, week + 1, {"result_handed_over": 1})
    assert lines["", True] == (since, since + 1, {"result_handed_over": 1})
    assert {line for line, _ in lines} == {"", case.unit}
    assert {change.figure for change in restated.changes} == {"handed_over"}
    second = await desk.publish(draft, unsigned, DIRECTOR, "một kết quả báo muộn", told.clock.at)
    assert (second.report.edition, second.report.total.figures["handed_over"]) == (2, week + 1)
    first = await desk.edition(published.publication.id, 1)
    assert (first.raw, first.publication) == (published.raw, published.publication)


async def fetched(running: Running, path: str, by: str = "") -> bytes:
    """``by``: the system that asks; empty: anybody."""
    headers = {"Authorization": f"Bearer {key_of(by)}"} if by else {}
    async with running.hub.session.get(f"{running.hub.url}{path}", headers=headers) as got:
        body = await got.read()
        assert got.status == 200, body
        return body


def values(made: Plan, window: Window) -> dict[str, dict[str, int]]:
    """Unit → figure → its value, as the register has it; what is nothing is left out."""
    found = oracle.money(made, window, "agency")
    for unit, figures in oracle.figures(made, window, "agency").items():
        found.setdefault(unit, {}).update({name: len(codes) for name, codes in figures.items()})
    return found


def forgotten(made: Plan) -> Case:
    """A dossier whose result was there before the week's end, and that nobody handed over."""
    return next(
        case
        for case in made.cases
        if case.finished_at and not case.handed_over_at and case.counter.desk in {"rest", "motcua", "soap"}
    )


def differing(found: Table, wanted: Table) -> list[str]:
    """Every cell that is not what it should be, and every line or column that only one of them has."""
    wrong = [f"line {name!r}" for name in found.keys() ^ wanted.keys()]
    for name in found.keys() & wanted.keys():
        wrong += [f"{name}: column {label!r}" for label in found[name].keys() ^ wanted[name].keys()]
        wrong += [
            f"{name} · {label}: {value!r}, not {wanted[name].get(label)!r}"
            for label, value in found[name].items()
            if wanted[name].get(label) != value
        ]
    return wrong
