"""Writes what docs/STATISTICS.md and the type stub say of the statistics, from the table in include/obsv.h.

The table reaches us through the built extension: the names and help texts of observability.Stats are made from it. Run by
./dev docs; with --check it only compares, for the lint tests.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from observability import Stats

ROOT = Path(__file__).resolve().parent.parent
DOC = ROOT / "docs" / "STATISTICS.md"
STUB = ROOT / "python" / "observability" / "_obsv.pyi"

INTRO = """# Statistics

What the engine counts, as `observability.stats()` and `obsv_stats_get` report it. Whenever nothing is moving, for each sink:

    accepted == delivered + the sum of its dropped counters + pending

Counters begin with the process (a forked child begins at zero) and go on through a shutdown and another start. `dropped_by_level`
in C and `stats().dropped` in Python (sink → reason → level → count) break the dropped ones down by level. `last_error` is the
library's last warning or error, whether it was shown on stderr or throttled. Everything can be read at any time from any
thread; it never waits for the shipper, so numbers of things in motion may be a moment old.

When a sink takes records again after some were dropped for it, it gets one record of the library's own, `obsv_dropped` (logger
`obsv`, level WARN), with the attributes `sink`, `dropped` (how many since the last one) and `reasons` (reason → level → count).
Such records are not counted.

This page is written by `./dev docs` from the table in `include/obsv.h`.

| name | meaning |
|---|---|
"""


def names() -> list[str]:
    return list(Stats.__match_args__)


def markdown() -> str:
    rows = (f"| `{name}` | {getattr(Stats, name).__doc__} |\n" for name in names())
    return INTRO + "".join(rows)


def stub(text: str) -> str:
    match_args = "".join(f'        "{name}",\n' for name in names())
    fields = "".join(f"    @property\n    def {name}(self) -> int: ...\n" for name in names())
    body = (
        "@final\nclass Stats(structseq[int], tuple[int, ...]):\n"
        f"    __match_args__: Final = (\n{match_args}    )\n{fields}"
        "    @property\n    def dropped(self) -> Mapping[str, Mapping[str, Mapping[str, int]]]: ...\n"
        "    @property\n    def last_error(self) -> str: ...\n\n"
    )
    return re.sub(r"@final\nclass Stats\(.*?(?=^def |^@|^class |\Z)", lambda _: body, text, flags=re.DOTALL | re.MULTILINE)


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    stale = []
    for path, text in ((DOC, markdown()), (STUB, stub(STUB.read_text(encoding="utf-8")))):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(str(path.relative_to(ROOT)))
            if not check:
                path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path}: {'out of date, run ./dev docs' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
