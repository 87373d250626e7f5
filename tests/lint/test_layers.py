"""The order of the house (docs/ARCHITECTURE.md): an include in src/ points to the same layer or to one below, never up.

The linker holds part of this; a header that is only looked at would slip through.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# Each layer and what it may include besides itself. config and front both stand on base, side by side.
BELOW = {
    "base": [],
    "config": ["base"],
    "front": ["base"],
    "encode": ["base", "config", "front"],
    "sink": ["base", "config", "front", "encode"],
    "ship": ["base", "config", "front", "encode", "sink"],
    "process": ["base", "config", "front", "encode", "sink", "ship"],
}
API = "src itself: api.c, engine.h"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def layer_of(path: Path, src: Path) -> str:
    parts = path.relative_to(src).parts
    return parts[0] if len(parts) > 1 else API


def upward_includes(src: Path) -> list[str]:
    found = []
    for path in sorted(p for p in src.rglob("*") if p.suffix in {".c", ".h", ".cpp"}):
        layer = layer_of(path, src)
        for include in INCLUDE.findall(path.read_text(encoding="utf-8")):
            if include == "obsv.h":
                continue
            target = src / include if (src / include).exists() else path.parent / include
            if not target.exists():
                found.append(f"{path.relative_to(src)} includes {include}, which is neither in src/ nor beside it")
                continue
            below = layer_of(target.resolve(), src)
            if below != layer and layer != API and below not in BELOW[layer]:
                found.append(f"{path.relative_to(src)} ({layer}) includes {include} ({below})")
    return found


def test_every_folder_of_src_has_its_place(root: Path) -> None:
    assert {p.name for p in (root / "src").iterdir() if p.is_dir()} == set(BELOW)


def test_includes_point_downwards(root: Path) -> None:
    assert upward_includes(root / "src") == []


def test_the_command_stands_on_base_and_config_alone(root: Path) -> None:
    """The receiver that judges the engine must not share its encoders."""
    found = []
    for path in sorted((root / "cli").glob("*.[ch]")):
        for include in INCLUDE.findall(path.read_text(encoding="utf-8")):
            folder = include.split("/")[0] if "/" in include else ""
            if folder in BELOW and folder not in {"base", "config"}:
                found.append(f"{path.name} includes {include}")
    assert found == []


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("base/a.c", '#include "ship/b.h"\n', "base/a.c (base) includes ship/b.h (ship)"),
        ("front/a.h", '  # include "config/b.h"\n', "front/a.h (front) includes config/b.h (config)"),
        ("ship/a.c", '#include "engine.h"\n', f"ship/a.c (ship) includes engine.h ({API})"),
        ("ship/a.c", '#include "gone.h"\n', "ship/a.c includes gone.h, which is neither in src/ nor beside it"),
    ],
)
def test_an_upward_include_is_found(tmp_path: Path, path: str, text: str, message: str) -> None:
    for header in ("ship/b.h", "config/b.h", "engine.h"):
        (tmp_path / header).parent.mkdir(exist_ok=True)
        (tmp_path / header).write_text("")
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(text)
    assert upward_includes(tmp_path) == [message]
