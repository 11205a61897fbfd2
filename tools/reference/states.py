"""``lifecycle.md``, from the table of ``hub.lifecycle``."""

from __future__ import annotations

from hub import lifecycle
from hub.cli.words import Speech
from tools.reference.markdown import code, fenced, page, table
from tools.reference.meanings import Meanings, both


def lifecycle_page(words: Meanings) -> str:
    vi, en = Speech("vi"), Speech("en")
    states = [
        (
            code(state),
            vi.say(f"state.{state}"),
            en.say(f"state.{state}"),
            _yes(state not in lifecycle.DONE),
            *both(words, f"transfer.state.{state}"),
        )
        for state in lifecycle.State
    ]
    moves = [
        (
            code(move),
            "người · a person" if move in lifecycle.PERSONS else "hub · the hub",
            _from(move),
            *both(words, f"transfer.move.{move}"),
        )
        for move in lifecycle.Move
    ]
    return page(
        "Trạng thái · States",
        "`hub/lifecycle.py`",
        "## Lượt chuyển · A transfer\n\nMột thông điệp tới một nơi nhận. *Bị chặn* không phải trạng thái: lượt chuyển bị chặn khi chưa phải đầu"
        " luồng.\n\nOne message to one recipient. *Blocked* is not a state: a transfer is blocked while it is not the head of its lane.",
        fenced(lifecycle.picture(), "mermaid"),
        table(
            (
                "Trạng thái · State",
                "Trên màn hình",
                "On screen",
                "Giữ luồng · Holds its lane",
                "Nghĩa",
                "Meaning",
            ),
            states,
        ),
        table(("Bước · Move", "Do ai · By", "Từ · From", "Nghĩa", "Meaning"), moves),
        "Trạng thái của hồ sơ, theo từng cơ quan đang giải quyết · Where a dossier stands, for each agency that has it in hand:"
        " [legs.md](legs.md).",
    )


def _from(move: lifecycle.Move) -> str:
    return ", ".join(code(before) for before, by in lifecycle.MOVES if by is move)


def _yes(answer: bool) -> str:  # noqa: FBT001 - the answer itself
    return "có · yes" if answer else "không · no"
