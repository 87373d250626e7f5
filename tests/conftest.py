"""What all Python tests share: where the build is, and the programs and peers that tests run.

The tests judge what was built into OBSV_BUILD_DIR (default build/dev): its `obsv` command and its package. Each peer is
a real process on a loopback port of its own choosing; it is waited for by what it says, never by time, and is gone when
its test ends, whatever happened.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.pop("OBSV_BUILD_DIR", None) or os.environ.get("TESTED_BUILD") or ROOT / "build" / "dev").resolve()
os.environ["TESTED_BUILD"] = str(BUILD)  # for pytest-xdist's workers

# The package of the build comes first, here and in every Python that a test starts.
sys.path.insert(0, str(BUILD / "python"))
os.environ["PYTHONPATH"] = os.pathsep.join([str(BUILD / "python"), str(ROOT / "examples")])

# A developer's own settings must not decide a test.
for name in list(os.environ):
    if name.startswith(("OTEL_", "OBSV_", "APP_")) or name == "LOG_LEVEL":
        del os.environ[name]
os.environ["PATH"] += os.pathsep + "/usr/sbin"  # Debian keeps nginx there, out of an ordinary user's sight
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def build_dir() -> Path:
    if not (BUILD / "build.ninja").exists():
        pytest.fail(f"{BUILD} holds no build: run ./dev build")
    return BUILD


@pytest.fixture(scope="session")
def obsv(build_dir: Path) -> Path:
    """The `obsv` command of the build."""
    command = build_dir / "cli" / "obsv"
    if not command.exists():
        pytest.fail(f"{command} does not exist: run ./dev build")
    return command
