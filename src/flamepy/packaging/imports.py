"""Check, before the first call, that what a service's target imports is in the package.

The target's module has been imported here, so every import that its modules did at top level succeeded here. Only a
module that was loaded from a file that stays behind can be missing on an executor. Those are looked up first, in well
under a millisecond; sources are parsed only if there are any, to find out which import leads there.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache

from flamepy.errors import MissingModule
from flamepy.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator, Sequence

    from flamepy.packaging.plan import Plan


class Import(Record):
    """One import at the top level of a module.

    Attributes:
        module: What is imported, absolute.
        names: What ``from module import …`` takes out of it.
        line: Where.
    """

    module: str
    names: tuple[str, ...]
    line: int


def check_target_imports(plan: Plan, module: str) -> None:
    """Check what a module imports, and what those modules import in turn.

    Imports inside functions, under ``if`` (``if TYPE_CHECKING:`` for one) and inside ``try`` with a handler for
    ImportError are passed over: the program can do without them.

    Args:
        plan: What the package holds.
        module: The target's module, ``__main__`` for the main script.

    Raises:
        MissingModule: The package lacks a module that is imported. Attributes: ``name``, ``path`` and ``line`` of the
            import, and the ``rule`` with its ``origin`` that leaves the module out, if one does.

    Example:
        >>> check_target_imports(plan, "myproject.tasks")  # doctest: +SKIP
    """
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    if file is None or not os.path.isfile(file):  # "<stdin>" for one
        return
    check = _Check(plan)
    path = check.inside(os.path.realpath(file))
    # The module itself may stay behind, or any that it led to.
    if path is not None and (path not in check.packed or check.left_behind()):
        check.walk(path, module)


class _Check:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.root = plan.project.folder
        self.packed = {entry.path for entry in plan.entries}
        prefixes = {os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)} - {self.root}
        self.environments = tuple(prefix + os.sep for prefix in prefixes)

    def inside(self, file: str) -> str | None:
        """Return a file's path below the project; None if it lies elsewhere or in an environment inside of it."""
        prefix = self.root + os.sep
        if not file.startswith(prefix) or file.startswith(self.environments):
            return None
        path = file[len(prefix) :]
        return None if "site-packages" in path or "dist-packages" in path else path

    def left_behind(self) -> bool:
        """Tell whether a loaded module comes from a file of the project that is not packed."""
        spellings = {os.path.abspath(entry) for entry in sys.path if self.is_inside(entry)}
        prefixes = tuple(spelling + os.sep for spelling in {*spellings, self.root})
        for module in list(sys.modules.values()):
            file = getattr(module, "__dict__", {}).get("__file__")
            if isinstance(file, str) and os.path.abspath(file).startswith(prefixes):
                path = self.inside(os.path.realpath(file))
                if path is not None and path not in self.packed:
                    return True
        return False

    def is_inside(self, folder: str) -> bool:
        real = os.path.realpath(folder)
        return real == self.root or real.startswith(self.root + os.sep)

    def walk(self, path: str, module: str) -> None:
        """Follow imports from one file, breadth first."""
        if path not in self.packed:
            self.fail(module, path, None)
        todo = [(path, module)]
        seen = {path}
        for source, name in todo:
            for found in self.imports(source, name):
                for target, file in self.targets(found):
                    if file not in self.packed:
                        self.fail(target, file, (source, found.line))
                    if file.endswith(".py") and file not in seen:
                        seen.add(file)
                        todo.append((file, target))

    def imports(self, path: str, module: str) -> Sequence[Import]:
        file = os.path.join(self.root, path)
        try:
            modified = os.stat(file).st_mtime_ns
            own = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
            package = getattr(sys.modules.get(module), "__package__", None)
            return _parse(file, own if package is None else package, modified)
        except (OSError, SyntaxError, ValueError):
            return ()  # Python could not have imported it either: it is not ours to report

    def targets(self, found: Import) -> Iterator[tuple[str, str]]:
        """Yield (module, file) for what of the project an import loads."""
        parts = found.module.split(".")
        names = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
        for module in [*names, *(f"{found.module}.{name}" for name in found.names)]:
            file = self.locate(module)
            if file is not None:
                yield module, file

    def locate(self, module: str) -> str | None:
        """Return a module's file below the project; None if it comes from elsewhere or has none."""
        loaded = sys.modules.get(module)
        if loaded is not None:
            file = getattr(loaded, "__dict__", {}).get("__file__")
            return self.inside(os.path.realpath(file)) if isinstance(file, str) else None
        # Imported under a condition and not here, or not a module but a name inside of one.
        if module.partition(".")[0] in sys.stdlib_module_names:
            return None
        relative = module.replace(".", "/")
        for folder in self.plan.project.import_roots:
            start = "" if folder == "." else f"{folder}/"
            for candidate in (f"{start}{relative}/__init__.py", f"{start}{relative}.py"):
                if os.path.isfile(os.path.join(self.root, candidate)):
                    return candidate
        return None

    def fail(self, module: str, path: str, where: tuple[str, int] | None) -> None:
        importer = "" if where is None else f", which {where[0]}, line {where[1]}, imports"
        excluded = self.plan.why_excluded(path)
        if excluded is None:
            reason = "It was written after the package was made: enter the runner again."
        else:
            reason = (
                f"The rule {excluded.rule!r} ({excluded.origin}) leaves out {excluded.path}. Change the rule, or take "
                f"it in again: FlamePackage(excludes=[..., '!/{excluded.path}'])"
            )
        raise MissingModule(
            f"the package lacks the module {module!r} ({path}){importer}. {reason}",
            name=module,
            path=os.path.join(self.root, where[0] if where else path),
            line=where and where[1],
            rule=excluded and excluded.rule,
            origin=excluded and excluded.origin,
        )


# The time of the last change is in the signature since it is part of the cache's key.
@lru_cache(maxsize=4096)
def _parse(file: str, package: str, modified: int) -> tuple[Import, ...]:
    """Return the imports that running a source file always does."""
    import ast

    with open(file, "rb") as stream:
        tree = ast.parse(stream.read(), file)
    return tuple(found for node in _always_run(tree.body) for found in _imports(node, package))


def _always_run(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run whenever the module is imported and must not fail."""
    import ast

    for node in body:
        yield node
        if isinstance(node, ast.ClassDef | ast.With):
            yield from _always_run(node.body)
        elif isinstance(node, ast.Try):
            if not any(_forgives(handler) for handler in node.handlers):
                yield from _always_run([*node.body, *node.orelse])
            yield from _always_run(node.finalbody)


def _imports(node: ast.stmt, package: str) -> Iterator[Import]:
    import ast

    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, (), node.lineno)
    elif isinstance(node, ast.ImportFrom):
        module = _absolute(node.module, node.level, package)
        if module:
            yield Import(module, tuple(alias.name for alias in node.names if alias.name != "*"), node.lineno)


def _absolute(module: str | None, level: int, package: str) -> str:
    if level == 0:
        return module or ""
    parts = package.split(".")
    parts = parts[: len(parts) - (level - 1)]
    return ".".join([*filter(None, parts), *([module] if module else [])])


def _forgives(handler: ast.ExceptHandler) -> bool:
    """Tell whether an except clause catches ImportError."""
    import ast

    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
