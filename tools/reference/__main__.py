"""Write the generated pages: ``python -m tools.reference``."""

from __future__ import annotations

import sys

from tools.reference.pages import FOLDER, pages


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
