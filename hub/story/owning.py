"""Whose words come first when two hubs heard about one dossier and neither knew of the other. Pure; the table is ``RULES``.

Causal order is never touched: the table orders only what is concurrent. What comes first is heard first, so of two moves that cannot both be
made the earlier stands; of two values of one field the later stands. Ties go by the code of the hub.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from hub.story.moves import NOTES, OPENING
from hub.story.words import Effect
from schemas.dossier import Kind

if TYPE_CHECKING:
    from hub.story.record import Story
    from hub.story.words import Words

K = Kind


class Owner(StrEnum):
    """Who must have said it for a rule to hold."""

    NOBODY = "nobody"  # no hub has the dossier yet
    LEG = "leg"  # the agency that has the dossier in hand
    KEEPER = "keeper"  # who opened the dossier and keeps its record
    ANYBODY = "anybody"


class Rule(NamedTuple):
    """Of which kinds it speaks (``None``: all), by whom; what it says, for persons."""

    name: str
    kinds: frozenset[Kind] | None
    owner: Owner
    vi: str
    en: str


RECORD = frozenset({K.DUE_DATE_CHANGED, K.APOLOGY, K.CORRECTED})
APPLICANT = frozenset({K.SUPPLEMENT_SUBMITTED, K.DUTY_PAID, K.FEE_DUE, K.FEE_PAID, K.FEE_REFUNDED})
HANDING_ON = frozenset({K.TRANSFERRED})
CLOSING = frozenset({K.FINISHED, K.REFUSED_AT_RECEPTION, K.RESULT_HANDED_OVER, K.RETURNED})
WITHDRAWAL = frozenset({K.WITHDRAWN})
RECALL = frozenset({K.RECALLED})
LEG = frozenset(Kind) - RECORD - APPLICANT - HANDING_ON - CLOSING - WITHDRAWAL - RECALL - NOTES

RULES: tuple[Rule, ...] = (
    Rule(
        "opening",
        frozenset(OPENING),
        Owner.NOBODY,
        "Thông điệp mở hồ sơ đứng trước mọi thông điệp khác.",
        "What opens the dossier comes before everything else.",
    ),
    Rule(
        "record_keeper",
        RECORD,
        Owner.KEEPER,
        "Hạn trả và nội dung bản ghi là của nơi mở hồ sơ: lời của nơi ấy được nghe sau lời của nơi khác, nên có hiệu lực.",
        "The due date and what is on record are the keeper's: its word is heard after everybody else's, and so stands.",
    ),
    Rule(
        "record_others",
        RECORD,
        Owner.ANYBODY,
        "Nơi khác nói về hạn trả và bản ghi thì được ghi nhận; nơi mở hồ sơ nói khác thì theo nơi mở hồ sơ.",
        "What others say of the due date and the record is kept, and gives way to what the keeper says.",
    ),
    Rule(
        "own_leg",
        LEG,
        Owner.LEG,
        "Cơ quan đang giữ hồ sơ nói trước về chặng của mình.",
        "The agency that has the dossier in hand speaks first of its leg.",
    ),
    Rule(
        "other_leg",
        LEG,
        Owner.ANYBODY,
        "Cơ quan không giữ hồ sơ nói sau cơ quan đang giữ.",
        "Who does not have the dossier in hand speaks after who has it.",
    ),
    Rule(
        "applicant",
        APPLICANT,
        Owner.ANYBODY,
        "Nộp phí, lệ phí, nghĩa vụ tài chính và giấy tờ bổ sung của người nộp được cộng thêm, sau lời của cơ quan.",
        "What the applicant pays and hands in is added, after what agencies say.",
    ),
    Rule(
        "own_handing_on",
        HANDING_ON,
        Owner.LEG,
        "Chuyển chặng đứng sau những gì được nói về chặng ấy khi chưa biết là đã chuyển.",
        "A leg is handed on after what was said of it by who did not know that it was.",
    ),
    Rule(
        "other_handing_on",
        HANDING_ON,
        Owner.ANYBODY,
        "Cơ quan không giữ hồ sơ chuyển sau cơ quan đang giữ.",
        "Who does not have the dossier in hand hands it on after who has it.",
    ),
    Rule(
        "own_closing",
        CLOSING,
        Owner.LEG,
        "Kết thúc đứng sau mọi bước khác; nếu hai nơi cùng kết thúc, nơi đang giữ hồ sơ được tính.",
        "An end comes after every other step; of two ends, that of the agency that has the dossier in hand stands.",
    ),
    Rule(
        "other_closing",
        CLOSING,
        Owner.ANYBODY,
        "Cơ quan không giữ hồ sơ kết thúc sau cơ quan đang giữ.",
        "Who does not have the dossier in hand ends it after who has it.",
    ),
    Rule(
        "withdrawal",
        WITHDRAWAL,
        Owner.ANYBODY,
        "Người nộp rút hồ sơ sau khi mọi cơ quan đã nói: hồ sơ đã xong thì không rút được nữa.",
        "The applicant withdraws after agencies have spoken: what is finished cannot be withdrawn any more.",
    ),
    Rule(
        "recall",
        RECALL,
        Owner.ANYBODY,
        "Thu hồi đứng sau cùng: nó nói về những gì đã kết thúc.",
        "A recall comes last: it is about what has ended.",
    ),
    Rule(
        "other",
        None,
        Owner.ANYBODY,
        "Những gì không đổi hồ sơ đứng sau tất cả.",
        "What changes nothing comes after everything.",
    ),
)
"""The first that holds of a message names it."""

ORDER: tuple[str, ...] = (
    "opening",
    "record_others",
    "record_keeper",
    *(rule.name for rule in RULES[3:]),
)
"""Which of two concurrent messages is heard first: the one whose rule stands earlier here."""
_PLACES = {name: place for place, name in enumerate(ORDER)}


def rule_of(words: Words, story: Story | None) -> Rule:
    """Return the rule by which these words take their place when the story stands so."""
    if words.effect is not Effect.MOVES:
        return RULES[-1]
    return next(rule for rule in RULES if _holds(rule, words, story))


def place(words: Words, story: Story | None) -> int:
    return _PLACES[rule_of(words, story).name]


def _holds(rule: Rule, words: Words, story: Story | None) -> bool:
    if rule.kinds is not None and words.kind not in rule.kinds:
        return False
    match rule.owner:
        case Owner.NOBODY:
            return story is None
        case Owner.KEEPER:
            return words.by_origin
        case Owner.LEG:
            return story is not None and any(
                leg.agency == words.speaker and not leg.passed_to for leg in story.legs
            )
    return True
