"""Words that have no place in the product's files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lint.files import product_files, text_of

EVERYWHERE = {
    # Split, so that this file does not accuse itself.
    "an absolute path of somebody's machine": re.compile(r"(?<![\w.~$}/])/(?:wor" r"k|roo" r"t|home)/\w"),
    "a number of a tracker's issue": re.compile(r"(?i)\biss" r"ue\s*#?\d"),
    "a mark of an unresolved merge": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}
IN_SOURCES = {
    "a note of unfinished work": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"),
    "a stub": re.compile(r"(?i)not (?:yet )?implem" r"ented"),
}
SOURCES = {".c", ".h", ".cpp", ".py", ".pyi", ".sh", ".cmake"}


def findings(path: Path, text: str) -> list[str]:
    rules = EVERYWHERE | (IN_SOURCES if path.suffix in SOURCES else {})
    return [
        f"{path.name}:{text.count(chr(10), 0, match.start()) + 1}: {what}: {match.group().strip()}"
        for what, pattern in rules.items()
        for match in pattern.finditer(text)
    ]


def test_no_such_words(root: Path) -> None:
    found = []
    for path in product_files(root):
        text = text_of(path)
        if text is not None:
            found += findings(path.relative_to(root), text)
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["/* see /wo" "rk/x */", "cd /ro" "ot/obsv", "// TO" "DO: later", "as iss" "ue #3 says", "<<<<" "<<< HEAD"],
)
def test_such_words_are_found(line: str) -> None:
    assert findings(Path("a.c"), line + "\n") != []


def test_text_files_end_with_a_newline(root: Path) -> None:
    assert [p for p in product_files(root, *SOURCES, ".md", ".txt", ".yaml", ".yml", ".toml") if (text_of(p) or "\n")[-1] != "\n"] == []
