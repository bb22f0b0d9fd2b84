"""What the architecture tests know of the source: its files, its functions, its public names."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "flamepy"
GENERATED = SOURCE / "wire" / "proto"

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Definition = FunctionNode | ast.ClassDef


@dataclass(frozen=True)
class Function:
    """One function or method, as the budgets see it."""

    where: str
    lines: int


@cache
def modules() -> dict[str, ast.Module]:
    """Every module that people wrote, parsed, by its path below the repository's root."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for path in sorted(SOURCE.rglob("*.py"))
        if GENERATED not in path.parents
    }


def line_count(path: str) -> int:
    """How many lines a file has."""
    return len((ROOT / path).read_text().splitlines())


def functions() -> list[Function]:
    """Every function, with the lines of its code: the docstring does not count."""
    return [
        Function(f"{path}:{node.lineno} {node.name}", _code_lines(node))
        for path, module in modules().items()
        for node in ast.walk(module)
        if isinstance(node, FunctionNode)
    ]


def public_definitions() -> Iterator[tuple[str, Definition]]:
    """Every function, class and method without a leading underscore on the way to it; nested functions are private."""
    for path, module in modules().items():
        for name, node in _public(module.body):
            yield f"{path}:{node.lineno} {name}", node


def calls(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Every call in a module, as (line, dotted name)."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def _code_lines(node: FunctionNode) -> int:
    first = node.body[0]
    documented = ast.get_docstring(node, clean=False) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def _public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_") and not _is_overload(node):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{prefix}{node.name}.")


def _is_overload(node: Definition) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)
