"""The stubs are the contract: what they say is what the modules have, down to each parameter."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import observability
from observability import _obsv

Node = ast.FunctionDef | ast.ClassDef | ast.AnnAssign


def declared(root: Path, name: str) -> tuple[ast.Module, dict[str, Node]]:
    text = (root / "python" / "observability" / name).read_text(encoding="utf-8")
    compile(text, name, "exec")  # ast.parse alone takes a keyword that stands twice
    tree = ast.parse(text)
    nodes: dict[str, Node] = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            nodes[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            nodes[node.target.id] = node
    return tree, nodes


def parameters(function: ast.FunctionDef) -> list[tuple[str, str]]:
    kinds = [
        ("POSITIONAL_ONLY", function.args.posonlyargs),
        ("POSITIONAL_OR_KEYWORD", function.args.args),
        ("KEYWORD_ONLY", function.args.kwonlyargs),
    ]
    return [(arg.arg, kind) for kind, args in kinds for arg in args]


def defaults(function: ast.FunctionDef) -> list[object]:
    return [ast.literal_eval(default) for default in function.args.defaults]


def public(module: ModuleType) -> set[str]:
    return {name for name in vars(module) if not name.startswith("_")} | {"__version__"}


def test_the_extension_has_what_its_stub_says(root: Path) -> None:
    _, nodes = declared(root, "_obsv.pyi")
    assert public(_obsv) == set(nodes)
    for name, node in nodes.items():
        if isinstance(node, ast.FunctionDef):
            signature = inspect.signature(getattr(_obsv, name))
            assert parameters(node) == [(p.name, p.kind.name) for p in signature.parameters.values()], name
            given = [p.default for p in signature.parameters.values() if p.default is not inspect.Parameter.empty]
            assert defaults(node) == given, name


BESIDE_THE_TUPLE = ["dropped", "last_error"]  # attributes of Stats that are not items of it


def test_classes(root: Path) -> None:
    _, nodes = declared(root, "_obsv.pyi")
    handler, stats = nodes["Handler"], nodes["Stats"]
    assert isinstance(handler, ast.ClassDef) and isinstance(stats, ast.ClassDef)
    assert [base.__qualname__ for base in _obsv.Handler.__bases__] == ["Handler"]
    names = [node.name for node in stats.body if isinstance(node, ast.FunctionDef)]
    assert set(names) <= set(dir(_obsv.Stats))
    zero = _obsv.stats()
    assert list(zero) == [getattr(zero, name) for name in names if name not in BESIDE_THE_TUPLE]
    assert {sink: dict(reasons) for sink, reasons in zero.dropped.items()} == {"stdout": {}, "export": {}}
    assert zero.last_error == ""
    with pytest.raises(AttributeError):
        zero.accepted = 1  # type: ignore[misc]


def test_the_counters_are_those_of_the_header(root: Path) -> None:
    _, nodes = declared(root, "_obsv.pyi")
    header = (root / "include" / "obsv.h").read_text(encoding="utf-8")
    lists = {
        name: re.findall(r"X\((\w+),|(OBSV_DROPS_LIST)\(X\)", header[header.index(f"#define {name}(X)") :].split("\n\n")[0])
        for name in ("OBSV_DROPS_LIST", "OBSV_STATS_LIST")
    }
    drops = [field for field, _ in lists["OBSV_DROPS_LIST"] if field]
    fields = [name for field, nested in lists["OBSV_STATS_LIST"] for name in ([field] if not nested else drops)]
    stats = nodes["Stats"]
    assert isinstance(stats, ast.ClassDef)
    names = [node.name for node in stats.body if isinstance(node, ast.FunctionDef)]
    assert names == fields + BESIDE_THE_TUPLE


def test_the_package_exports_what_its_stub_says(root: Path) -> None:
    tree, nodes = declared(root, "__init__.pyi")
    imported = {
        alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "_obsv" for alias in node.names
    }
    assert imported | {"init_observability"} == set(observability.__all__)
    assert list(nodes) == ["init_observability"]
    for name in observability.__all__:
        assert hasattr(observability, name)
    listed = next(node for node in tree.body if isinstance(node, ast.Assign))
    assert ast.literal_eval(listed.value) == observability.__all__


def test_keywords_are_the_table_of_settings(root: Path) -> None:
    _, nodes = declared(root, "__init__.pyi")
    function = nodes["init_observability"]
    assert isinstance(function, ast.FunctionDef)
    table = {keyword: kind for _, keyword, kind in _obsv.settings()}
    types = {arg.arg: ast.unparse(arg.annotation) for arg in function.args.kwonlyargs if arg.annotation}
    assert sorted(types) == sorted(table)
    natural = {
        "boolean": "bool", "integer": "int", "duration": "int", "timeout": "int", "bytes": "int | str",
        "pairs": "str | Mapping[str, ", "path": "str | PathLike[str]", "list": "str | Sequence[str]", "level": "str | int",
        "text": "str", "url": "str", "choice": "str",
    }  # fmt: skip
    for keyword, kind in table.items():
        assert types[keyword].startswith(natural[kind]) and types[keyword].endswith(" | None"), keyword


def test_every_setting_has_the_documented_variable() -> None:
    rows = _obsv.settings()
    assert len({name for name, _, _ in rows}) == len({keyword for _, keyword, _ in rows}) == len(rows)
    assert all(re.fullmatch(r"(OTEL|OBSV|APP|LOG)_[A-Z_]+", name) for name, _, _ in rows)


def test_typing_marker_and_version(root: Path) -> None:
    assert (root / "python" / "observability" / "py.typed").exists()
    declared_version = re.search(r"project\(obsv VERSION ([0-9.]+)", (root / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert declared_version and observability.__version__ == declared_version[1]


def test_documentation_strings() -> None:
    for name in observability.__all__:
        if name != "__version__":
            assert inspect.getdoc(getattr(observability, name)), name
