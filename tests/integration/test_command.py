"""`obsv` itself: finding subcommands, help, usage errors; and that manual and completions know every option."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from peers import HANG_GUARD_S

COMMANDS = ("listen", "tail", "config")


def run(obsv: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([obsv, *arguments], capture_output=True, text=True, timeout=HANG_GUARD_S, stdin=subprocess.DEVNULL)


def options_of(obsv: Path, command: str) -> set[str]:
    return set(re.findall(r"(--[a-z-]+)", run(obsv, command, "--help").stdout.split("Mandatory")[0]))


@pytest.mark.parametrize("arguments", [["help"], ["--help"], ["-h"]])
def test_help_lists_the_commands(obsv: Path, arguments: list[str]) -> None:
    shown = run(obsv, *arguments)
    assert (shown.returncode, shown.stderr) == (0, "")
    for command in (*COMMANDS, "help"):
        assert re.search(rf"^  {command} ", shown.stdout, re.MULTILINE)


def test_without_arguments_it_shows_the_help_as_an_error(obsv: Path) -> None:
    shown = run(obsv)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == run(obsv, "help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(obsv: Path, command: str) -> None:
    shown = run(obsv, command, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"Usage: obsv {command} [OPTION...]\n")
    assert run(obsv, "help", command).stdout == shown.stdout


@pytest.mark.parametrize("arguments", [["--version"], ["-V"], ["listen", "--version"], ["tail", "-V"]])
def test_version(obsv: Path, arguments: list[str]) -> None:
    shown = run(obsv, *arguments)
    assert shown.returncode == 0
    assert re.fullmatch(r"obsv \d+\.\d+\.\d+\n", shown.stdout)


@pytest.mark.parametrize(
    ("wrong", "meant"), [("lisen", "listen"), ("tial", "tail"), ("conf", "config"), ("hlep", "help"), ("Listen", "listen")]
)
@pytest.mark.parametrize("before", [[], ["help"]])
def test_a_slip_is_answered_with_the_nearest_command(obsv: Path, before: list[str], wrong: str, meant: str) -> None:
    shown = run(obsv, *before, wrong)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == f"obsv: there is no command '{wrong}'; did you mean '{meant}'?\n"


@pytest.mark.parametrize("wrong", ["frobnicate", "x" * 5000])
def test_something_else_is_answered_with_the_way_to_the_list(obsv: Path, wrong: str) -> None:
    shown = run(obsv, wrong)
    assert shown.returncode == 2
    assert shown.stderr == f"obsv: there is no command '{wrong}'; 'obsv help' lists them\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["listen", "--frobnicate"], "unrecognized option"),
        (["listen", "--port"], "requires an argument"),
        (["listen", "--port", "65536"], "'65536' is not a port"),
        (["listen", "--port", "http"], "'http' is not a port"),
        (["listen", "--port", ""], "'' is not a port"),
        (["listen", "--count", "0"], "'0' is not a positive number"),
        (["listen", "--count", "-1"], "'-1' is not a positive number"),
        (["listen", "--count", "99999999999999999999"], "is not a positive number"),
        (["listen", "--color", "sometimes"], "is not auto, always or never"),
        (["listen", "extra"], "unexpected argument 'extra'"),
        (["tail", "--level", "loud"], "'loud' is not trace"),
        (["tail", "file.log"], "obsv tail reads stdin"),
    ],
)
def test_wrong_usage_is_status_2_and_names_what_is_wrong(obsv: Path, arguments: list[str], complaint: str) -> None:
    shown = run(obsv, *arguments)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith(f"obsv {arguments[0]}: ")
    assert complaint in shown.stderr
    assert f"Try `obsv {arguments[0]} --help'" in shown.stderr


@pytest.mark.parametrize("address", ["256.0.0.1", "203.0.113.1"])
def test_an_address_that_is_not_ours_is_one_clear_line(obsv: Path, address: str) -> None:
    shown = run(obsv, "listen", "--bind", address, "--port", "0")
    assert shown.returncode == 1
    (line,) = shown.stderr.splitlines()
    assert address in line
    assert "--bind" in line


# ---- Manual and completions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_the_manual_and_the_completions_know_every_option(root: Path, obsv: Path, command: str) -> None:
    options = options_of(obsv, command)
    assert {"--help", "--version", "--color"} <= options
    manual = (root / "cli" / "man" / f"obsv-{command}.1").read_text().replace("\\-", "-")
    assert set(re.findall(r"--[a-z-]+", manual)) >= options
    bash = (root / "cli" / "completions" / "obsv.bash").read_text()
    (words,) = re.findall(rf"^\s+{command}\) words='(.*)'", bash, re.MULTILINE)
    assert set(re.findall(r"--[a-z-]+", words)) == options
    zsh = (root / "cli" / "completions" / "_obsv").read_text()
    common = zsh.split("common=(")[1].split("\n    )")[0]
    own = zsh.split(f"\n    {command})\n")[1].split(";;")[0]
    assert set(re.findall(r"--[a-z-]+", common + own)) == options
    fish = (root / "cli" / "completions" / "obsv.fish").read_text()
    lines = [line for line in fish.splitlines() if "-n " not in line or re.search(rf"__fish_seen_subcommand_from [a-z ]*\b{command}\b", line)]
    assert {f"--{name}" for line in lines for name in re.findall(r" -l ([a-z-]+)", line)} == options


def complete(root: Path, *words: str) -> list[str]:
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _obsv; printf "%s\\n" "${COMPREPLY[@]}"'
    command = ["bash", "-c", script, "bash", str(root / "cli" / "completions" / "obsv.bash"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["obsv", "l"], ["listen"]),
        (["obsv", "listen", "--po"], ["--port=", "--port-file="]),
        (["obsv", "tail", "--level", "w"], ["warn"]),
        (["obsv", "tail", "--level", "=", "w"], ["warn"]),
        (["obsv", "tail", "--color", "="], ["auto", "always", "never"]),
        (["obsv", "help", "c"], ["config"]),
    ],
)
def test_bash_completes(root: Path, words: list[str], expected: list[str]) -> None:
    assert complete(root, *words) == expected


@pytest.mark.skipif(not shutil.which("man"), reason="no man here")
@pytest.mark.parametrize("page", ["obsv", "obsv-listen", "obsv-tail", "obsv-config"])
def test_manual_pages_are_free_of_warnings(root: Path, page: str) -> None:
    command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(root / "cli" / "man" / f"{page}.1")]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
