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

PARSE_ONLY = 0x400
"""``ast.PyCF_ONLY_AST``, without importing :mod:`ast` (7 ms)."""


def dumps(obj: object, buffer_callback: Callable[[Any], object] | None = None) -> bytes:
    """Pickle with cloudpickle: code of ``__main__`` and nested scopes by value (protocol 5)."""
    import cloudpickle

    data: bytes = cloudpickle.dumps(obj, protocol=5, buffer_callback=buffer_callback)
    return data


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
    return all(_only_defines(statement) for statement in tree.body)


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


def _calls(node: _ast.AST) -> bool:
    import _ast

    pending: list[Any] = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, _ast.Call | _ast.Await | _ast.NamedExpr):
            return True
        for name in current._fields or ():
            child = getattr(current, name, None)
            pending.extend(child if isinstance(child, list) else [child] if isinstance(child, _ast.AST) else [])
    return False


def main_script() -> str | None:
    """The running main script as a file, if it can travel as one; None for a notebook, a REPL or ``-c``."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if not path or getattr(main, "__spec__", None) is not None:
        return None
    return path if main_script_is_importable(path) else None
