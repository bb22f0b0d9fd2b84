"""flamepy as it travels to workers: a few modules in the application's arguments, the rest with the first task.

Workers may have no flamepy, or another one (upstream's has the same name). So a registered application brings ours: its
arguments hold `host.boot` and what that needs, compressed to some ten thousand characters; the first task of a session
brings everything that executors import. Both are made from the client's own files.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from base64 import b64encode
from functools import lru_cache
from marshal import dumps
from pathlib import Path

from flamepy.engines.flame.host.messages import SDK_MARK

BOOT = ("hpack", "messages", "http2", "instance", "boot")
"""Modules of `host` that come in the arguments, in the order in which they import each other."""

LEFT_OUT = (
    "cli",
    "server",
    "engines/local",
    "engines/linked",
    "engines/ray",
    "wire/proto",
    "dashboard",
    "testing",
    "upstream",
)
"""Folders of flamepy that no executor imports."""

_STUB = (
    "import sys,types,base64,lzma,marshal\n"
    "def _make(name,package):\n"
    " module=types.ModuleType(name)\n"
    " if package: module.__path__=[]\n"
    " sys.modules[name]=module\n"
    " return module\n"
    "for _name in ('flamepy','flamepy.engines','flamepy.engines.flame','flamepy.engines.flame.host'):\n"
    " _make(_name,True)\n"
    "for _name,_text in marshal.loads(lzma.decompress(base64.b64decode(sys.argv[1]))):\n"
    " _module=_make('flamepy.engines.flame.host.'+_name,False)\n"
    " exec(compile(_text,'<flamepy '+_name+'>','exec'),_module.__dict__)\n"
    " setattr(sys.modules['flamepy.engines.flame.host'],_name,_module)\n"
    "_module.main()\n"
)
"""What the interpreter runs: makes modules of the argument behind it. Without dollar signs, which are expanded."""


def boot_arguments() -> list[str]:
    """Return what stands behind ``python`` in an application's arguments."""
    import lzma

    here = Path(__file__).parent / "host"
    sources = [(name, (here / f"{name}.py").read_text(encoding="utf-8")) for name in BOOT]
    return ["-c", _STUB, b64encode(lzma.compress(dumps(sources, 2), preset=9)).decode()]


@lru_cache(maxsize=1)
def archive() -> bytes:
    """Return a zip archive of flamepy and cloudpickle, the same bytes for the same files."""
    from importlib.util import find_spec

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, skipped in (("flamepy", LEFT_OUT), ("cloudpickle", ())):
            found = find_spec(name)
            assert found is not None
            assert found.origin is not None
            root = Path(found.origin).parent
            for path in sorted(root.rglob("*.py")):
                inside = path.relative_to(root).as_posix()
                if not any(inside.startswith(f"{folder}/") for folder in skipped) and not _is_client_s(inside):
                    info = zipfile.ZipInfo(f"{root.name}/{inside}")
                    info.compress_type = zipfile.ZIP_DEFLATED
                    packed.writestr(info, path.read_bytes())
    return out.getvalue()


def _is_client_s(inside: str) -> bool:
    """Whether a file is of this driver and not of its remote end."""
    folder, name = os.path.split(inside)
    return folder == "engines/flame" and name != "__init__.py"


def first_task(letter: bytes) -> bytes:
    """Return the input of a session's first task: flamepy, and the first letter."""
    packed = archive()
    digest = hashlib.sha256(packed).digest()
    return SDK_MARK + digest + len(packed).to_bytes(8, "little") + packed + letter
