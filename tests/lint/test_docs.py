"""The papers agree with the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lint.files import product_files, text_of

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# "G7" in a comment of the code stands as an entry in docs/CONCURRENCY.md, "D7" in docs/DELIVERY.md.
PAPERS = {"G": "CONCURRENCY.md", "D": "DELIVERY.md"}
# tests/fault/test_signals.c, or tests/python/test_init.py::test_log_level
TEST = re.compile(r"`(tests/[\w/.]+)(?:::(\w+))?`")
CODE = {".c", ".h", ".cpp", ".py"}


def anchors(markdown: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+\s+(.*?)\s*$", markdown, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return set(plain)


def test_configuration_is_what_the_table_of_settings_says(root: Path, obsv: Path) -> None:
    markdown = subprocess.run([obsv, "config", "--markdown"], capture_output=True, text=True, check=True).stdout
    assert (root / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8") == markdown, "run ./dev docs"


def test_statistics_are_what_the_table_in_the_header_says(root: Path, build_dir: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(build_dir / "python")}
    run = subprocess.run([sys.executable, "tools/statistics.py", "--check"], cwd=root, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_local_links_lead_somewhere(root: Path) -> None:
    broken = []
    for path in product_files(root, ".md"):
        for link in LINK.findall(path.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.exists():
                broken.append(f"{path.relative_to(root)}: {link}: no such file")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
                broken.append(f"{path.relative_to(root)}: {link}: no such heading")
    assert broken == []


@pytest.mark.parametrize("letter", PAPERS)
def test_cited_guarantees_exist(root: Path, letter: str) -> None:
    text = (root / "docs" / PAPERS[letter]).read_text(encoding="utf-8")
    numbered = {int(n) for n in re.findall(rf"^[#*\s|-]*\**{letter}(\d+)\b", text, re.MULTILINE)}
    cited = {
        (int(number), str(path.relative_to(root)))
        for folder in ("src", "include", "python")
        for path in product_files(root / folder)
        if path.suffix in CODE
        for number in re.findall(rf"\b{letter}(\d+)\b", text_of(path) or "")
    }
    assert numbered == set(range(1, len(numbered) + 1)), f"docs/{PAPERS[letter]} does not number its guarantees from 1 on"
    assert cited, "no code cites a guarantee"
    assert sorted((n, where) for n, where in cited if n not in numbered) == []


@pytest.mark.parametrize("paper", sorted(PAPERS.values()))
def test_tests_that_papers_name_exist(root: Path, paper: str) -> None:
    missing = []
    for file, name in TEST.findall((root / "docs" / paper).read_text(encoding="utf-8")):
        path = root / file
        if not path.exists() or (name and not re.search(rf"\b{name}\b", path.read_text(encoding="utf-8"))):
            missing.append(f"{file}::{name}" if name else file)
    assert missing == []


def test_each_guarantee_of_delivery_names_its_test(root: Path) -> None:
    text = (root / "docs" / "DELIVERY.md").read_text(encoding="utf-8")
    entries = re.findall(r"^\*\*(D\d+) (.*?)(?=\n\n)", text, re.MULTILINE | re.DOTALL)
    assert [number for number, entry in entries if not TEST.search(entry)] == []


def test_scenarios_named_by_a_row_stand_in_the_table(root: Path) -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.*)$", (root / "docs" / "DELIVERY.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert [int(row) for row in rows] == list(range(1, 34))
    assert [row for row, what in rows.items() if not TEST.search(what)] == []
    unknown = []
    for path in sorted((root / "tests" / "fault").glob("test_scenarios_*.py")):
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            unknown += [name for row in re.findall(r"row_(\d+)", name) if str(int(row)) not in rows]
    assert unknown == []


def test_papers_that_a_successor_needs(root: Path) -> None:
    papers = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"]
    papers += [f"docs/{name}.md" for name in ("ARCHITECTURE", "CONCURRENCY", "CONFIGURATION", "DELIVERY")]
    assert [paper for paper in papers if not (root / paper).exists()] == []
    assert list((root / "docs" / "decisions").glob("[0-9][0-9][0-9]-*.md"))


def test_the_commands_are_on_the_first_screen(root: Path) -> None:
    first_screen = "\n".join((root / "README.md").read_text(encoding="utf-8").split("\n")[:40])
    assert "./dev demo" in first_screen and "./dev test" in first_screen
