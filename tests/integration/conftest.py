"""Peers that several test files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.loki import Loki, loki_binary
from peers import start_on_free_port


@pytest.fixture(scope="session")
def loki(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loki]:
    binary = loki_binary(root)
    folder = tmp_path_factory.mktemp("loki")
    with start_on_free_port(lambda: Loki(binary, folder)) as running:
        yield running
