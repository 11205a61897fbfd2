"""Forms as tables: one value that the page, the spreadsheet and the test read, in either language. Pure.

06a and 06b follow the columns of the forms of TT 01/2020/TT-VPCP: received (online; at the counter and by post; from before), resolved
(early, on time, late), open (in time, late). Paused dossiers stand among those in time, as the forms have no column for them, and what
was withdrawn or reopened stands in the note, so that received = resolved + open + note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.deadlines.calendar import VIETNAM
from hub.figures.definition import MONEY, definition
from hub.story.record import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hub.figures.report import Line, Report

SILENT = {"vi": "0, im lặng", "en": "0, silent"}


class Column(Value, frozen=True):
    """``group``: the heading above it, shared with its neighbours; ``figures``: those behind it; ``since``: of the span counted up."""

    key: str
    group: str
    name: str
    figures: tuple[str, ...] = ()
    money: bool = False
    since: bool = False


class Cells(Value, frozen=True):
    """One line. ``face``: ``total``, ``group``, ``silent`` or empty."""

    key: str
    cells: tuple[str | int, ...]
    face: str = ""


class Sheet(Value, frozen=True):
    title: str
    under: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Cells, ...]
    notes: tuple[str, ...] = ()
    more: tuple[Sheet, ...] = ()


class _Made(NamedTuple):
    """A column with what its cells say."""

    group: str
    key: str
    of: Callable[[Mapping[str, int]], int]
    figures: tuple[str, ...]
    since: bool = False


def _plain(group: str, figure: str, *, since: bool = False) -> _Made:
    return _Made(group, figure, lambda told: told.get(figure, 0), (figure,), since)


def _sum(group: str, key: str, *figures: str) -> _Made:
    return _Made(group, key, lambda told: sum(told.get(name, 0) for name in figures), figures)


FORM_06: tuple[_Made, ...] = (
    _sum("06.received", "06.total", "received", "carried_over"),
    _plain("06.received", "received_online"),
    _sum("06.received", "06.direct_post", "received_direct", "received_post"),
    _plain("06.received", "carried_over"),
    _plain("06.resolved", "resolved"),
    _plain("06.resolved", "resolved_early"),
    _plain("06.resolved", "resolved_on_time"),
    _plain("06.resolved", "resolved_late"),
    _plain("06.open", "open"),
    _sum("06.open", "06.in_time", "open_in_time", "paused"),
    _plain("06.open", "open_late"),
)
WEEKLY: tuple[_Made, ...] = (
    _plain("", "carried_over"),
    _plain("week.received", "received"),
    _plain("week.received", "received_online"),
    _plain("week.received", "received_direct"),
    _plain("week.received", "received_post"),
    _plain("week.resolved", "resolved"),
    _plain("week.resolved", "resolved_early"),
    _plain("week.resolved", "resolved_on_time"),
    _plain("week.resolved", "resolved_late"),
    _plain("week.open", "open_in_time"),
    _plain("week.open", "open_late"),
    _plain("week.open", "paused"),
    _plain("week.results", "handed_over"),
    _plain("week.results", "returned"),
    _plain("week.other", "withdrawn"),
    _plain("week.other", "refused"),
    _plain("week.money", "collected"),
    _plain("week.money", "refunded"),
    _plain("week.money", "remitted"),
    _plain("week.since", "received", since=True),
    _plain("week.since", "handed_over", since=True),
    _plain("week.since", "collected", since=True),
)
OF_FORM = {"weekly": WEEKLY, "06a": FORM_06, "06b": FORM_06}
WORDS: Mapping[str, tuple[str, str]] = {
    "weekly": ("BÁO CÁO TUẦN VỀ TIẾP NHẬN, GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH", "WEEKLY REPORT ON ADMINISTRATIVE PROCEDURES"),
    "06a": ("TÌNH HÌNH, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH (Biểu 06a)", "HANDLING OF ADMINISTRATIVE PROCEDURES (form 06a)"),
    "06b": ("TỔNG HỢP KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH (Biểu 06b)", "SUMMARY OF ADMINISTRATIVE PROCEDURES (form 06b)"),
    "period": ("Từ ngày {first} đến hết ngày {last}", "From {first} to {last}, both days whole"),
    "since": ("Lũy kế từ ngày {since}", "Counted up from {since}"),
    "known": ("Số liệu chốt theo những gì hub biết đến {known}; định nghĩa số {version}", "By what the hub knew at {known}; definition {version}"),
    "edition": ("Bản điều chỉnh, lần {edition}; bản trước: lần {before}", "Restatement, edition {edition}; the one before: {before}"),
    "agency": ("Cơ quan", "Agency"),
    "field": ("Lĩnh vực", "Field"),
    "note": ("Ghi chú", "Note"),
    "total": ("Tổng cộng", "Total"),
    "06.received": ("Số hồ sơ tiếp nhận", "Received"),
    "06.total": ("Tổng số", "All"),
    "06.direct_post": ("Trực tiếp, bưu chính", "Counter, post"),
    "06.resolved": ("Số hồ sơ đã giải quyết", "Resolved"),
    "06.open": ("Số hồ sơ đang giải quyết", "Open"),
    "06.in_time": ("Trong hạn (gồm tạm dừng)", "In time (paused included)"),
    "week.received": ("Tiếp nhận trong kỳ", "Received"),
    "week.resolved": ("Đã giải quyết", "Resolved"),
    "week.open": ("Đang giải quyết", "Open"),
    "week.results": ("Kết quả", "Results"),
    "week.other": ("Khác", "Other"),
    "week.money": ("Phí, lệ phí (đồng)", "Fees and charges (VND)"),
    "week.since": ("Lũy kế", "Counted up"),
    "late": ("Hồ sơ giải quyết quá hạn và lý do", "Resolved late, and why"),
    "late.days": ("Số ngày quá hạn", "Days late"),
    "late.reason": ("Lý do được chấp nhận", "Accepted reason"),
    "late.unit": ("Đơn vị chịu trách nhiệm", "Responsible unit"),
    "late.by": ("Người chấp nhận", "Accepted by"),
    "late.none": ("chưa chấp nhận lý do nào", "no reason was accepted yet"),
    "changes": ("Khác với lần công bố trước", "What is different from the edition before"),
    "changes.figure": ("Số liệu", "Figure"),
    "changes.old": ("Đã công bố", "Published"),
    "changes.new": ("Nay là", "Now"),
    "changes.added": ("Hồ sơ thêm", "Dossiers added"),
    "changes.removed": ("Hồ sơ bớt", "Dossiers removed"),
    "changes.because": ("Do biết sau", "Because of what came late"),
    "behind": ("SHA-256 của danh sách hồ sơ đứng sau: {digest}", "SHA-256 of the lists of dossiers behind the figures: {digest}"),
    "level.province": ("Cấp tỉnh", "Province"),
    "level.department": ("Sở, ban, ngành", "Departments"),
    "level.district": ("Cấp huyện", "Districts"),
    "level.commune": ("Cấp xã", "Communes"),
    "level.national": ("Trung ương", "National"),
}  # fmt: skip
SHORT: Mapping[str, tuple[str, str]] = {
    "received": ("Tổng số", "All"),
    "received_online": ("Trực tuyến", "Online"),
    "received_direct": ("Trực tiếp", "Counter"),
    "received_post": ("Bưu chính", "Post"),
    "carried_over": ("Từ kỳ trước", "Carried over"),
    "resolved": ("Tổng số", "All"),
    "resolved_early": ("Trước hạn", "Early"),
    "resolved_on_time": ("Đúng hạn", "On time"),
    "resolved_late": ("Quá hạn", "Late"),
    "open": ("Tổng số", "All"),
    "open_in_time": ("Trong hạn", "In time"),
    "open_late": ("Quá hạn", "Late"),
    "paused": ("Tạm dừng", "Paused"),
    "handed_over": ("Bàn giao", "Handed over"),
    "returned": ("Trả dân", "Returned"),
    "withdrawn": ("Rút", "Withdrawn"),
    "refused": ("Từ chối", "Refused"),
    "collected": ("Đã thu", "Collected"),
    "refunded": ("Đã hoàn", "Refunded"),
    "remitted": ("Nộp kho bạc", "Remitted"),
}
"""A figure's name below its group's; elsewhere it has the one of the definition."""
SHORT_SINCE: Mapping[str, tuple[str, str]] = {
    "received": ("Tiếp nhận", "Received"),
    "handed_over": ("Bàn giao", "Handed over"),
    "collected": ("Đã thu (đồng)", "Collected (VND)"),
}


class _Speech(NamedTuple):
    language: str

    def say(self, name: str, **values: object) -> str:
        vi, en = WORDS[name]
        return (en if self.language == "en" else vi).format(**values)

    def short(self, made: _Made) -> str:
        told = (SHORT_SINCE if made.since else SHORT).get(made.key) or WORDS[made.key]
        return told[1] if self.language == "en" else told[0]

    def figure(self, name: str) -> str:
        return definition().figure[name].say(self.language)


def sheet(report: Report, language: str) -> Sheet:
    """Make the form that a person reads."""
    speech = _Speech(language)
    made = [each for each in OF_FORM[report.form] if report.since is not None or not each.since]
    first = Column(key="name", group="", name=speech.say("field" if report.form == "06a" else "agency"))
    columns = [first, *(_column(each, speech) for each in made)]
    columns.append(Column(key="note", group="", name=speech.say("note")))
    return Sheet(
        title=speech.say(report.form),
        under=tuple(_under(report, speech)),
        columns=tuple(columns),
        rows=tuple(_rows(report, made, speech)),
        notes=(speech.say("behind", digest=report.behind),),
        more=tuple(_more(report, speech)),
    )


def _column(made: _Made, speech: _Speech) -> Column:
    return Column(
        key=f"since.{made.key}" if made.since else made.key,
        group=speech.say(made.group) if made.group else "",
        name=speech.short(made),
        figures=made.figures,
        money=made.key in MONEY,
        since=made.since,
    )


def _under(report: Report, speech: _Speech) -> Iterator[str]:
    yield report.name(speech.language) or report.agency
    yield speech.say("period", first=_day(report.first), last=_day(report.last))
    if report.since is not None:
        yield speech.say("since", since=_day(report.since))
    known = report.known_at.astimezone(VIETNAM)
    yield speech.say("known", known=f"{known:%d/%m/%Y %H:%M} (+07)", version=report.defined.version)
    if report.edition > 1:
        yield speech.say("edition", edition=report.edition, before=report.edition - 1)


def _day(day: object) -> str:
    return f"{day:%d/%m/%Y}"


def _rows(report: Report, made: list[_Made], speech: _Speech) -> Iterator[Cells]:
    level = None
    for line in report.lines:
        if report.form != "06a" and line.level != level:
            level = line.level
            if level:
                yield Cells(key=f"level.{level}", cells=(speech.say(f"level.{level}"),), face="group")
        yield _cells(line, made, speech, face="silent" if line.silent else "")
    yield _cells(report.total, made, speech, face="total", name=speech.say("total"))


def _cells(line: Line, made: list[_Made], speech: _Speech, *, face: str, name: str = "") -> Cells:
    told = (each.of(line.since if each.since else line.figures) for each in made)
    note = SILENT[speech.language] if line.silent else _note(line, made, speech)
    return Cells(key=line.key, cells=(name or line.name(speech.language), *told, note), face=face)


NOTED = ("withdrawn", "reopened", "refused")


def _note(line: Line, made: list[_Made], speech: _Speech) -> str:
    """What the form has no column for."""
    shown = {figure for each in made for figure in each.figures}
    told = [name for name in NOTED if name not in shown and line.figures.get(name)]
    return "; ".join(f"{speech.figure(name)}: {line.figures[name]}" for name in told)


def _more(report: Report, speech: _Speech) -> Iterator[Sheet]:
    names = {line.key: line.name(speech.language) for line in report.lines}
    if report.form == "weekly" and report.late:
        yield Sheet(
            title=speech.say("late"),
            under=(),
            columns=tuple(
                Column(key=key, group="", name=speech.say(key))
                for key in ("agency", "late.days", "late.unit", "late.reason", "late.by")
            ),
            rows=tuple(
                Cells(
                    key=str(n),
                    cells=(
                        names.get(each.agency, each.agency),
                        each.days,
                        each.unit,
                        each.reason or speech.say("late.none"),
                        each.accepted_by,
                    ),
                )
                for n, each in enumerate(report.late, 1)
            ),
        )
    if report.restates is not None:
        yield _changes(report, speech, names)


def _changes(report: Report, speech: _Speech, names: Mapping[str, str]) -> Sheet:
    keys = (
        "agency",
        "changes.figure",
        "changes.old",
        "changes.new",
        "changes.added",
        "changes.removed",
        "changes.because",
    )
    return Sheet(
        title=speech.say("changes"),
        under=(),
        columns=tuple(Column(key=key, group="", name=speech.say(key)) for key in keys),
        rows=tuple(
            Cells(
                key=f"{change.line} {change.figure}",
                cells=(
                    names.get(change.line, speech.say("total")),
                    speech.figure(change.figure) + (f" ({speech.say('week.since')})" if change.since else ""),
                    change.old,
                    change.new,
                    change.added,
                    change.removed,
                    ", ".join(f"{_kind(kind, speech)} × {n}" for kind, n in change.because.items()),
                ),
            )
            for change in (report.restates.changes if report.restates else ())
            if not change.since or change.figure in SHORT_SINCE
        ),
    )


KINDS: Mapping[str, tuple[str, str]] = {
    "received": ("tiếp nhận", "received"),
    "refused_at_reception": ("từ chối tiếp nhận", "refused at reception"),
    "transferred": ("chuyển hồ sơ", "transferred"),
    "step": ("tiến độ", "progress"),
    "supplement_requested": ("yêu cầu bổ sung", "supplement asked"),
    "supplement_submitted": ("nộp bổ sung", "supplement given"),
    "duty_announced": ("thông báo nghĩa vụ tài chính", "duty announced"),
    "duty_paid": ("nộp nghĩa vụ tài chính", "duty paid"),
    "duty_corrected": ("sửa nghĩa vụ tài chính", "duty corrected"),
    "suspended": ("dừng xử lý", "suspended"),
    "resumed": ("xử lý tiếp", "resumed"),
    "withdrawn": ("rút hồ sơ", "withdrawn"),
    "finished": ("kết thúc", "finished"),
    "result_incorrect": ("kết quả sai", "result incorrect"),
    "result_handed_over": ("bàn giao kết quả", "handed over"),
    "returned": ("trả kết quả", "returned"),
    "apology": ("xin lỗi", "apology"),
    "due_date_changed": ("hẹn lại", "due date changed"),
    "fee_due": ("yêu cầu phí", "fee due"),
    "fee_paid": ("thu phí", "fee paid"),
    "fee_refunded": ("hoàn phí", "fee refunded"),
    "recalled": ("thu hồi", "recalled"),
    "corrected": ("đính chính", "corrected"),
    "registry": ("danh mục, định nghĩa thay đổi", "registries or definition changed"),
}
"""What came late, in words."""


def _kind(kind: str, speech: _Speech) -> str:
    told = KINDS.get(kind, (kind, kind))
    return told[1] if speech.language == "en" else told[0]
