"""A C program against the installed library: found by CMake and by pkg-config, and its records arrive with their types."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from peers import Listener, Peer

SERVICE = "order-log-e2e"


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(build_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the build is installed to, like a user does it. Only the library: the command is another's concern."""
    found = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", build_dir, "--prefix", found, "--component", "library")
    return found


@pytest.fixture(scope="module")
def sources(root: Path) -> Path:
    return root / "examples" / "c"


@pytest.fixture(scope="module")
def by_cmake(prefix: Path, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by_cmake")
    run("cmake", "-G", "Ninja", "-S", sources, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror")
    run("cmake", "--build", folder)
    return folder / "order_log"


@pytest.fixture(scope="module")
def by_pkg_config(prefix: Path, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("by_pkg_config") / "order_log"
    pkg_config = next(prefix.rglob("obsv.pc")).parent
    flags = run("pkg-config", "--cflags", "--libs", "obsv", PKG_CONFIG_PATH=str(pkg_config)).split()
    run("cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-o", program, sources / "order_log.c", *flags, f"-Wl,-rpath,{pkg_config.parent}")
    return program


@pytest.mark.parametrize("how", ["by_cmake", "by_pkg_config"])
def test_its_records_arrive(request: pytest.FixtureRequest, obsv: Path, how: str) -> None:
    program = request.getfixturevalue(how)
    with Listener(obsv) as listener:
        environment = {**os.environ, "OTEL_SERVICE_NAME": SERVICE, "OTEL_EXPORTER_OTLP_ENDPOINT": listener.url}
        with Peer([program], env=environment) as order_log:
            assert order_log.wait() == 0, order_log.report()
        received = sorted(listener.wait_for_records(5, SERVICE), key=lambda record: record["timestamp"])

    assert "order_log: 5 accepted, 5 on stdout, 5 exported" in order_log.stderr
    assert len(order_log.stdout) == 5
    said = [(r["severity_text"], r["logger"], r["event_name"] or r["body"], r["attributes"]) for r in received]
    order = {"order_id": "C-000001"}
    frame = {"bytes_base64": "OD1GSVgB"}
    execution = {"fills": [5, 4, 3], "leaves_qty": 0, "venue": "XSIM"}
    assert said == [
        (
            "INFO",
            "trade-exec.orders",
            "order_submitted",
            {**order, "symbol": "BTC-USD", "side": "buy", "qty": 12, "price": 67250.25, "post_only": True, "parent_order_id": None},
        ),
        (
            "INFO",
            "trade-exec.venue",
            "order_acknowledged",
            {**order, "latency_ms": 4.18, "venue_order_id": "ORD\0-17", "frame": frame},
        ),
        ("INFO", "trade-exec.venue", "order_filled", {**order, "execution": execution}),
        ("WARN", "trade-exec.orders", "order_rejected", {"order_id": "C-000002", "reason": "price_outside_band"}),
        ("ERROR", "trade-exec.orders", "position does not match the venue's", {}),
    ]
    assert type(said[0][3]["qty"]) is int and type(said[0][3]["price"]) is float and said[0][3]["post_only"] is True
