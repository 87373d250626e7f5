"""The shell programs run under dash, the strictest sh of Debian, and pass shellcheck."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lint.files import product_files, text_of

ROOT = Path(__file__).resolve().parents[2]


def scripts() -> list[Path]:
    def is_shell(path: Path) -> bool:
        first_line = (text_of(path) or "").split("\n", 1)[0]
        return path.suffix == ".sh" or (first_line.startswith("#!") and first_line.endswith("sh"))

    return [path.relative_to(ROOT) for path in product_files(ROOT) if path.suffix in {"", ".sh"} and is_shell(path)]


def is_bash(path: Path) -> bool:
    return "bash" in (ROOT / path).read_text(encoding="utf-8").split("\n", 1)[0]


def test_the_entries_are_among_them() -> None:
    assert {Path("dev"), Path(".ci/run"), Path("tools/setup.sh")} <= set(scripts())


@pytest.mark.parametrize("script", scripts(), ids=str)
def test_syntax(script: Path) -> None:
    shell = "bash" if is_bash(script) else "dash"
    run = subprocess.run([shell, "-n", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("script", scripts(), ids=str)
def test_shellcheck(script: Path) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    shell = "bash" if is_bash(script) else "sh"
    command = [shellcheck, "--shell", shell, "--external-sources", "--exclude=SC1091,SC2034,SC2154", script]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_only_sh_is_needed_for_help() -> None:
    """A bare machine has neither make nor Python: the list of commands comes from sh alone."""
    run = subprocess.run(["/bin/sh", "dev", "help"], cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True)
    for command in ("demo", "test", "build", "bench", "format", "docs", "setup", "clean"):
        assert f"\n  {command} " in run.stdout


def test_an_unknown_command_is_refused() -> None:
    run = subprocess.run(["/bin/sh", "dev", "frobnicate"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2 and "frobnicate" in run.stderr
