"""The shared library exports exactly the functions of symbols.txt: neither an internal name that a program could come to
depend on, nor one less than obsv.h promises."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


def listed() -> list[str]:
    return (HERE / "symbols.txt").read_text(encoding="utf-8").split()


def test_exported_symbols(build_dir: Path) -> None:
    library = build_dir / "src" / "libobsv.so"
    run = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", library], capture_output=True, text=True, check=True)
    assert sorted(line.split()[0] for line in run.stdout.splitlines()) == listed()


def test_the_list_is_the_header(root: Path) -> None:
    header = (root / "include" / "obsv.h").read_text(encoding="utf-8")
    declared = re.findall(r"^OBSV_API [^;{]*?\b(obsv_\w+)\(", header, re.MULTILINE)
    assert sorted(declared) == listed()
