"""Code that cannot be imported elsewhere travels by value; the only home of cloudpickle.

Functions and classes of a module travel by reference: the executor imports them from the package. Those of a
notebook, a REPL, a lambda or a nested scope travel by value. The main script is in between: when its top level only
imports, defines and assigns constants (work is under ``if __name__ == "__main__"``), it travels as a file and is
imported in the executor, so its classes are one and the same there; when importing it would do work, by value.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _ast
    from collections.abc import Callable
    from typing import Any

DEFINITION = "def"
"""Stands for the name of any function or class."""

PARSE_ONLY = 0x400
"""``ast.PyCF_ONLY_AST``, without importing :mod:`ast` (7 ms)."""


_main_by_name: Any = None


def dumps(obj: object, buffer_callback: Callable[[Any], object] | None = None, *, main_by_value: bool = True) -> bytes:
    """Pickle with cloudpickle: code of nested scopes by value, and that of ``__main__`` if told (protocol 5)."""
    import io

    import cloudpickle

    file = io.BytesIO()
    pickler = cloudpickle.Pickler if main_by_value else _pickler_of_main_by_name(cloudpickle.Pickler)
    pickler(file, protocol=5, buffer_callback=buffer_callback).dump(obj)
    return file.getvalue()


def _pickler_of_main_by_name(base: Any) -> Any:
    """A cloudpickle for which functions and classes of ``__main__`` are names, as they are for pickle."""
    global _main_by_name  # its base costs 20 ms to import, which most programs never pay
    if _main_by_name is None:

        class MainByName(base):  # type: ignore[misc]
            def reducer_override(self, part: Any) -> Any:
                if getattr(part, "__module__", None) == "__main__" and isinstance(part, type | type(dumps)):
                    name = part.__qualname__
                    if _find_in_main(name) is part:
                        return find_in_main, (name,)
                return super().reducer_override(part)

        _main_by_name = MainByName
    return _main_by_name


def find_in_main(name: str) -> Any:
    """Find a function or class of the main script while unpickling.

    Raises:
        AttributeError: The main script does not have it here.
    """
    found = _find_in_main(name)
    if found is None:
        raise AttributeError(f"the main script has no {name!r} when it is imported; define it at the top level")
    return found


def _find_in_main(name: str) -> Any:
    found: Any = sys.modules.get("__main__")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def main_script_is_importable(path: str) -> bool:
    """Whether importing the script at ``path`` defines its names and does nothing else.

    Args:
        path: The main script, as in ``__main__.__file__``.

    Example:
        A script of imports, ``def``, ``class``, ``LIMIT = 10`` and ``if __name__ == "__main__":`` is importable;
        one with a top-level ``with FlameRunner(...)`` or a call is not.
    """
    try:
        with open(path, "rb") as file:
            tree = compile(file.read(), path, "exec", flags=PARSE_ONLY, dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return False
    if not all(_only_defines(statement) for statement in tree.body):
        return False
    # What is made under the guard would be missing elsewhere.
    made = {name for statement in tree.body if _is_guard_of_main(statement) for name in _made_by(statement.body)}
    return not made or (DEFINITION not in made and made.isdisjoint(_used_in_functions(compile(tree, path, "exec"))))


def _only_defines(statement: Any) -> bool:
    import _ast

    if isinstance(statement, _ast.Import | _ast.ImportFrom | _ast.FunctionDef | _ast.AsyncFunctionDef | _ast.ClassDef):
        return True
    if isinstance(statement, _ast.Expr):
        return isinstance(statement.value, _ast.Constant)
    if isinstance(statement, _ast.Assign | _ast.AnnAssign):
        return not _calls(statement)
    return isinstance(statement, _ast.If) and _is_guard(statement.test)


def _is_guard(test: Any) -> bool:
    """``__name__ == "__main__"`` or ``TYPE_CHECKING``."""
    import _ast

    if isinstance(test, _ast.Name | _ast.Attribute):
        return (test.id if isinstance(test, _ast.Name) else test.attr) == "TYPE_CHECKING"
    return isinstance(test, _ast.Compare) and isinstance(test.left, _ast.Name) and test.left.id == "__name__"


def _is_guard_of_main(statement: Any) -> bool:
    import _ast

    return isinstance(statement, _ast.If) and isinstance(statement.test, _ast.Compare)


def _made_by(body: list[Any]) -> set[str]:
    """The global names that statements bind; `DEFINITION` among them if they define a function or class."""
    import _ast

    names: set[str] = set()
    pending: list[Any] = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, _ast.FunctionDef | _ast.AsyncFunctionDef | _ast.ClassDef):
            names.add(DEFINITION)
        elif isinstance(node, _ast.Name) and isinstance(node.ctx, _ast.Store):
            names.add(node.id)
        elif isinstance(node, _ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif not isinstance(node, _ast.Lambda):
            pending.extend(_children(node))
    return names


def _used_in_functions(code: Any) -> set[str]:
    """The global names (and attributes) that the functions and methods of a module mention."""
    names: set[str] = set()
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            names.update(constant.co_names)
            names |= _used_in_functions(constant)
    return names


def _children(node: Any) -> list[Any]:
    found: list[Any] = []
    for name in node._fields or ():
        child = getattr(node, name, None)
        found.extend(child if isinstance(child, list) else [child])
    return [child for child in found if hasattr(child, "_fields")]


def _calls(node: _ast.AST) -> bool:
    import _ast

    pending: list[Any] = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, _ast.Call | _ast.Await | _ast.NamedExpr):
            return True
        pending.extend(_children(current))
    return False


def main_script() -> str | None:
    """The running main script as a file, if it can travel as one; None for a notebook, a REPL or ``-c``."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if not path or getattr(main, "__spec__", None) is not None:
        return None
    return path if main_script_is_importable(path) else None
