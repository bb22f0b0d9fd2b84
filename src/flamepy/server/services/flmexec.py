"""``flmexec``: runs a script and gives back what it prints."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from flamepy.server.services.serve import serve

SHELLS = ("bash", "sh", "zsh", "csh", "tcsh", "ksh", "fish")


def main() -> None:
    """Serve."""
    serve(execute)


async def execute(_: bytes, given: bytes) -> bytes:
    """Do one task: ``{"language", "runtime", "code", "input"}`` -> ``{"data": [bytes of standard output]}``.

    Standard error goes to the session's log, and so does an exit code that is not 0.

    Raises:
        TypeError: The input is no object.
        ValueError: The input is not that, or asks for a language that is not known.
    """
    script = json.loads(given)
    if not isinstance(script, dict) or not isinstance(script.get("code"), str):
        raise TypeError("the input must be an object with 'language' and 'code'")
    stdin = bytes(script.get("input") or b"")
    with tempfile.TemporaryDirectory(prefix="flmexec-") as folder:
        command, environment = prepare(script, Path(folder))
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _rest = await process.communicate(stdin)
    if process.returncode:
        sys.stderr.write(f"the script ended with {process.returncode}\n")
    return json.dumps({"data": list(printed)}).encode()


def prepare(script: dict[str, Any], folder: Path) -> tuple[list[str], dict[str, str]]:
    """Write the script into a folder; returns the command that runs it and its environment.

    Raises:
        ValueError: Its language or shell is not known.
    """
    language = str(script.get("language") or "shell").lower()
    runtime = str(script.get("runtime") or "")
    environment = dict(os.environ)
    if language == "shell":
        shell = runtime or "bash"
        if Path(shell).name not in SHELLS or str(Path(shell).parent) not in {".", "/bin", "/usr/bin"}:
            raise ValueError(f"unknown shell {shell!r}: one of {', '.join(SHELLS)}")
        (folder / "main.sh").write_text(script["code"])
        return [shell, "main.sh"], environment
    if language == "python":
        (folder / "main.py").write_text(script["code"])
        return _python(runtime, environment)
    raise ValueError(f"unknown language {language!r}: shell or python")


def _python(version: str, environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    wanted = (version or environment.get("FLAME_PYTHON_VERSION") or own).removeprefix("python")
    environment["FLAME_PYTHON_VERSION"] = wanted
    packages = Path(environment.get("FLAME_HOME", ".")) / "lib" / f"python{wanted}" / "site-packages"
    if packages.is_dir():
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{packages}:{known}" if known else str(packages)
    uv = Path(environment.get("FLAME_HOME", ".")) / "bin" / "uv"
    program = str(uv) if uv.exists() else shutil.which("uv")
    if program is None:
        return [sys.executable, "main.py"], environment
    interpreter = sys.executable if wanted == own else wanted
    return [program, "run", "--no-project", "--python", interpreter, "main.py"], environment
