"""The files of the product: what a lint test looks at."""

from __future__ import annotations

from pathlib import Path

# Made by tools or by running things; .gitignore lists the same.
NOT_OURS = {"build", "dist", "__pycache__"}


def product_files(root: Path, *suffixes: str) -> list[Path]:
    """Every text file of the tree outside hidden folders and built things; with suffixes, only those."""
    found: list[Path] = []
    stack = [root]
    while stack:
        for path in stack.pop().iterdir():
            if path.is_dir() and not path.is_symlink():
                is_ours = path.name == ".ci" or not path.name.startswith(".")
                if is_ours and path.name not in NOT_OURS and not path.name.endswith(".egg-info"):
                    stack.append(path)
            elif path.is_file() and (not suffixes or path.suffix in suffixes):
                found.append(path)
    return sorted(found)


def text_of(path: Path) -> str | None:
    """The file's text; None for one that is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
