"""The virtual environment with the peers, and the variables of measurement processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
VENV = BENCH / ".venv"
PROGRAMS = BENCH / "programs"


def python() -> str:
    """The interpreter of all measurement processes."""
    return str(VENV / "bin" / "python")


def prepare() -> None:
    """Install the peers unless they are installed; the same tools and settings as `dev.py`."""
    requirements = BENCH / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = VENV / ".flamepy-bench"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    sys.path.insert(0, str(ROOT))
    import dev

    start = time.monotonic()
    print(f"== installing the peers into {VENV.relative_to(ROOT)}", flush=True)
    uv = str(dev.BIN / "uv")
    env = dev.uv_environment()
    if not Path(python()).exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, VENV], env=env, check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python(), "--compile-bytecode"]
    subprocess.run([*install, "--requirements", requirements, "--editable", ROOT], env=env, check=True)
    stamp.write_text(wanted)
    print(f"== installed after {time.monotonic() - start:.0f} s", flush=True)


def environment(folder: Path, source: Path | None) -> dict[str, str]:
    """Return the variables: bytecode is written, the user's engines and settings stay out, threads of numpy too.

    Args:
        folder: For the files of flamepy's engines.
        source: Another copy of the repository whose flamepy is measured.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FLAME", "RAY_", "DASK_"))}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPROFILEIMPORTTIME"):
        env.pop(name, None)
    paths = [source / "src"] if source is not None else []
    env["PYTHONPATH"] = os.pathsep.join(map(str, [*paths, BENCH, PROGRAMS]))
    env["PATH"] = os.pathsep.join([str(VENV / "bin"), env.get("PATH", os.defpath)])
    env["VIRTUAL_ENV"] = str(VENV)
    env["HOME"] = str(folder)
    env["OMP_NUM_THREADS"] = env["OPENBLAS_NUM_THREADS"] = "1"
    env["RAY_USAGE_STATS_ENABLED"] = "0"
    env["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    for name, variable in (("run", "FLAMEPY_RUNTIME_DIR"), ("state", "FLAMEPY_STATE_DIR")):
        path = folder / name
        path.mkdir(mode=0o700, exist_ok=True)
        env[variable] = str(path)
    return env
