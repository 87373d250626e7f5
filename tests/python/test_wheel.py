"""`pip install .` gives a package that works on its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from python.conftest import HANG_GUARD_S, Program

FIVE_LINES = """
from observability import init_observability
import logging

init_observability()

logger = logging.getLogger("trade-exec")
logger.info("service_started", extra={"component": "startup"})
"""


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-build-isolation", "--no-deps",
         "--wheel-dir", str(folder), str(root)],
        env=environment, capture_output=True, text=True, timeout=2 * HANG_GUARD_S,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    (wheel,) = folder.glob("obsv-*.whl")
    return wheel


def test_the_wheel_holds_the_package_and_nothing_else(root: Path, wheel: Path) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    sources = [f"observability/{path.name}" for path in (root / "python" / "observability").iterdir() if path.is_file()]
    (extension,) = [name for name in names if name.endswith(".so")]
    assert extension.startswith("observability/_obsv.")
    assert sorted(names) == sorted([*sources, extension])


def test_the_wheel_works_alone(program: Program, wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    run = program(FIVE_LINES, "-S", prologue="", PYTHONPATH=str(tmp_path))
    line, record = run.one()
    assert (line["message"], line["component"]) == ("service_started", "startup")
    assert record.attributes == {"component": "startup"}


def test_the_extension_shows_one_symbol(wheel: Path, tmp_path: Path) -> None:
    """Or a program that also links to libobsv might get its functions from here."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    (extension,) = tmp_path.glob("observability/*.so")
    run = subprocess.run(["nm", "-D", "--defined-only", str(extension)], capture_output=True, text=True, check=True)
    assert [line.split()[-1] for line in run.stdout.splitlines()] == ["PyInit__obsv"]
