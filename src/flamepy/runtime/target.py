"""The object that an executor works on: its package on the path, the main script, the instance, its methods."""

from __future__ import annotations

import os
import sys

from flamepy.serialization import codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAIN_ALIAS = "__flame_main__"
"""The main script's name in executors, so that ``if __name__ == "__main__"`` stays quiet."""


class Target:
    """A function, or an instance with its methods.

    Args:
        binding: What the client sent with `Ask.BIND`: ``path``, ``cwd``, ``argv``, ``site``, ``main``, ``kind``,
            ``target``, ``state``, ``methods``, and ``prefix``: the client's, or None in an environment of its own.
    """

    def __init__(self, binding: dict[str, Any]) -> None:
        self._binding = binding
        self.instance: Any = None

    def create(self) -> list[Callable[..., Any]]:
        """Prepare the process and create the object; returns its methods by number.

        Raises:
            Exception: Whatever importing the user's code or creating the object raises.
        """
        binding = self._binding
        sys.argv = list(binding["argv"])
        if binding["prefix"] is None:
            _use_own_environment(binding["path"])
        else:
            sys.path[:] = binding["path"]
            sys.prefix, sys.exec_prefix = binding["prefix"]
        os.chdir(binding["cwd"])
        if binding["site"]:
            import site

            site.main()
            sys.path[:] = binding["path"]
        if binding["main"]:
            _import_main(binding["main"])
        self.instance = codec.loads(binding["target"])
        if binding["state"] is not None:
            self.instance = codec.loads(binding["state"])
        elif binding["kind"] == "class":
            self.instance = self.instance()
        return [getattr(self.instance, name) if name else self.instance for name in binding["methods"]]


def _use_own_environment(path: list[str]) -> None:
    """Take modules from the package and from this interpreter's own environment, and none from the client's."""
    import site

    sdk = sys.path[0]  # where the template found us, among all that the client has installed
    site.main()
    sys.path[:] = [*path, *(entry for entry in sys.path if entry != sdk)]


def _import_main(path: str) -> None:
    """Run the main script as a module of another name, and let ``__main__`` mean that module."""
    import types

    module = types.ModuleType(MAIN_ALIAS)
    module.__file__ = path
    module.__dict__["__cached__"] = None
    sys.modules[MAIN_ALIAS] = sys.modules["__main__"] = module
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)
