"""``command-line.md``, from the command line's own manual."""

from __future__ import annotations

from hub.cli import commands, manual
from hub.cli.exits import Exit
from hub.cli.words import Speech
from tools.reference.markdown import fenced, page, table
from tools.reference.meanings import Meanings, both


def command_page(words: Meanings) -> str:
    app, vi, en = commands.build(), Speech("vi"), Speech("en")
    names = ["", *(name for name in (*commands.GROUPS, *commands.COMMANDS))]
    exits = [(str(status.value), *both(words, f"exit.{status.name.lower()}")) for status in Exit]
    return page(
        "Dòng lệnh · Command line",
        "`hub/cli/`",
        "Mọi trang dưới đây là `lienthong LỆNH --help`.\n\nEvery page below is `lienthong COMMAND --help --lang en`.",
        "## Mã thoát · Exit statuses\n\n" + table(("Mã · Status", "Nghĩa", "Meaning"), exits),
        *(
            f"## lienthong {name}".rstrip()
            + "\n\n"
            + fenced(manual.page(app, name, vi))
            + "\n\n"
            + fenced(manual.page(app, name, en))
            for name in names
        ),
    )
