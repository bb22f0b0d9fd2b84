"""Make what an application needs before it can be started: its package, its dependencies.

A package is kept by the hash of its content, so that a new one under an old name is seen, and one that is known is not
installed again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from flamepy.errors import EngineError
from flamepy.server.host.download import fetch, unpack

if TYPE_CHECKING:
    from flamepy.server.records import Application

_PROJECTS = ("pyproject.toml", "setup.py", "setup.cfg")


class Sources(NamedTuple):
    """Where packages come from.

    Attributes:
        sdk: The requirement for the SDK that Python services import; "" for none.
        token: For the object cache.
        ca_file: Likewise.
    """

    sdk: str = "flamepy==0.6.0"
    token: str | None = None
    ca_file: Path | None = None


class Installer:
    """Installs applications below the server's folder.

    Args:
        home: The server's folder, ``FLAME_HOME``.
        sources: Where packages come from.
    """

    def __init__(self, home: Path, sources: Sources | None = None) -> None:
        self._home = home
        self._sources = sources or Sources()
        self._locks: dict[str, asyncio.Lock] = {}
        self._fetched: dict[tuple[str, int, str], str] = {}

    async def install(self, application: Application) -> dict[str, str]:
        """Install what is missing; returns the variables that its processes get.

        Raises:
            EngineError: It cannot be installed; the message says what the installer said.
        """
        kind = application.spec.installer.lower()
        if not kind:
            return {}
        if kind not in {"python", "binary"}:
            raise EngineError(f"unknown installer {application.spec.installer!r}: python and binary are known")
        async with self._locks.setdefault(application.name, asyncio.Lock()):
            if kind == "python":
                return await self._python(application)
            return await self._binary(application)

    # --- kinds ---------------------------------------------------------------------------------------------------

    async def _python(self, application: Application) -> dict[str, str]:
        python = python_version(application)
        packages = await self._sdk(python)
        cache = self._home / "data" / "cache"
        result = {
            "FLAME_PYTHON_VERSION": python,
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(cache / "uv")),
            "PIP_CACHE_DIR": str(cache / "pip"),
        }
        if not application.spec.working_directory:
            result["UV_NO_PROJECT"] = "1"  # what lies above the server's folder is nobody's project
        found = [str(Path(sys.base_prefix) / "bin")] if interpreter(python) == sys.executable else []
        if not application.spec.HasField("url"):
            return result | {"PYTHONPATH": packages, "PATH": ":".join(found)}
        source = await self._source(application)
        project = _root_of(source)
        if project is None:
            raise EngineError(f"the package of {application.name} has none of {', '.join(_PROJECTS)}")
        deps = source.parent / f"deps-{python}"
        if not deps.is_dir():
            await self._pip(application.name, python, deps, [str(project)], cwd=project)
        paths = [str(deps), str(project), packages]
        return result | {"PYTHONPATH": ":".join(filter(None, paths)), "PATH": ":".join([str(deps / "bin"), *found])}

    async def _binary(self, application: Application) -> dict[str, str]:
        if not application.spec.HasField("url"):
            return {}
        source = await self._source(application)
        return {
            "FLAME_APP_DIR": str(source),
            "PATH": f"{source / 'bin'}:{source}",
            "LD_LIBRARY_PATH": f"{source / 'libs'}:{source / 'lib'}",
        }

    # --- steps ---------------------------------------------------------------------------------------------------

    async def _source(self, application: Application) -> Path:
        """Return the folder with the unpacked package."""
        base = self._home / "data" / "apps" / application.name
        url = application.spec.url
        known = (application.name, application.created, url)
        if known not in self._fetched or not (base / "releases" / self._fetched[known] / "src").is_dir():
            archive = base / "download"
            digest = await asyncio.to_thread(
                fetch, url, archive, token=self._sources.token, ca_file=self._sources.ca_file
            )
            release = base / "releases" / digest
            if not (release / "src").is_dir():
                fresh = base / "unpacking"
                await asyncio.to_thread(unpack, archive, urlsplit(url).path, fresh)
                release.mkdir(parents=True, exist_ok=True)
                fresh.rename(release / "src")
            archive.unlink(missing_ok=True)
            self._fetched[known] = digest
        return base / "releases" / self._fetched[known] / "src"

    async def _sdk(self, python: str) -> str:
        """Install the SDK that Python services import, once per version of Python."""
        if not self._sources.sdk:
            return ""
        target = self._home / "lib" / f"python{python}" / "site-packages"
        async with self._locks.setdefault(f"sdk {python}", asyncio.Lock()):
            if not target.is_dir():
                await self._pip(f"python{python}", python, target, [self._sources.sdk])
        return str(target)

    async def _pip(self, name: str, python: str, target: Path, what: list[str], cwd: Path | None = None) -> None:
        """Have uv install into a folder, which appears only when it is whole."""
        fresh = target.with_name(f"{target.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        log = self._home / "logs" / "install" / f"{hashlib.sha256(name.encode()).hexdigest()[:8]}-{name[:80]}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            *(find_uv(), "pip", "install", "--link-mode=copy", "--python", interpreter(python)),
            *("--target", str(fresh), *what),
            cwd=cwd or fresh.parent,
            env={name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        await asyncio.to_thread(log.write_bytes, said)
        if process.returncode:
            text = said.decode(errors="replace").strip()[-2000:]
            raise EngineError(f"uv cannot install {' '.join(what)} (exit code {process.returncode}): {text}")
        fresh.rename(target)


def python_version(application: Application) -> str:
    """Return the version that an application asks for, ``3.11``; this process's own if it asks for none."""
    asked = {each.name: each.value for each in application.spec.environments}.get("FLAME_PYTHON_VERSION", "")
    return asked.removeprefix("python") or f"{sys.version_info[0]}.{sys.version_info[1]}"


def interpreter(version: str) -> str:
    """Return what uv is told for a version: this very interpreter where it is the one."""
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return sys.executable if version == own else f"python{version}"


def find_uv() -> str:
    """Return the path of uv.

    Raises:
        EngineError: It is not installed.
    """
    try:
        import uv
    except ImportError:
        found = shutil.which("uv")
    else:
        found = str(uv.find_uv_bin())
    if found is None:
        raise EngineError("uv is not installed: pip install 'flamepy[server]'")
    return found


def _root_of(source: Path) -> Path | None:
    """Return the folder with the project, which may be the only one in the package."""
    folders = [source, *(each for each in source.iterdir() if each.is_dir())] if source.is_dir() else []
    return next((each for each in folders if any((each / name).is_file() for name in _PROJECTS)), None)
