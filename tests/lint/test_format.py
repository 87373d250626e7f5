"""clang-format decides layout (./dev format applies it)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDERS = ("src", "include", "cli", "python/ext", "tests", "bench", "examples")


def test_c_sources_are_laid_out_by_clang_format(root: Path) -> None:
    sources = [
        str(path)
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in {".c", ".h", ".cpp"}
    ]
    assert sources
    clang_format = Path(sys.executable).with_name("clang-format")
    run = subprocess.run([clang_format, "--dry-run", "--Werror", *sources], capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"run ./dev format\n{run.stderr[:4000]}"
