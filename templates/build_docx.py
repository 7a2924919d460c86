"""Build the Word templates from the HTML ones: `python templates/build_docx.py [KIND…]`, all kinds if none is named.

A test compares its output with the files in the folders.
"""

import sys
from pathlib import Path

from service.documents import word_template

_HERE = Path(__file__).parent


def main(names: list[str]) -> None:
    """Write document.docx beside document.html in each kind's folder."""
    for name in names or sorted(path.parent.name for path in _HERE.glob("*/document.html")):
        folder = Path(name) if "/" in name else _HERE / name  # a unit's own kinds are elsewhere
        built = word_template.build((folder / "document.html").read_text("utf-8"), folder.name)
        (folder / "document.docx").write_bytes(built)


if __name__ == "__main__":
    main(sys.argv[1:])
