"""Make the virtual environment that a project's executors run in.

Built once per set of dependencies, exact Python and platform, then found in the per-user cache. It is built under a
temporary name and renamed when complete; processes that want the same one at the same time wait for the first.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flamepy.errors import EnvironmentFailed, PackageError
from flamepy.packaging.caches import user_cache
from flamepy.packaging.digest import new_sha256
from flamepy.packaging.locks import locked
from flamepy.packaging.requirements import Requirements, find_requirements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Report = Callable[[str], None]

# What executors import of ours; linked into each environment so that client and executor have the same code.
_SHIPPED = ("flamepy", "cloudpickle")


def resolve_environment(
    environment: str | None,
    project: Path,
    *,
    report: Report | None = None,
    cache: Path | None = None,
    linked: bool = True,
) -> str | None:
    """Return the interpreter that executors on this machine start with.

    Args:
        environment: ``current`` or None for the client's own; ``uv`` for one made from the project's requirements.
        project: The project's folder.
        report: Called with each line that uv says while it builds.
        cache: Where environments are kept; None for the per-user cache.
        linked: Whether flamepy is in it too, as it is installed here.

    Returns:
        The interpreter's path; None for the client's own.

    Raises:
        EnvironmentFailed: uv could not build it; ``output`` holds uv's own words.
        PackageError: There is no uv, no requirements file, or the environment's kind is unknown.

    Example:
        >>> resolve_environment("current", Path("."))
    """
    if environment in {None, "current"}:
        return None
    if environment != "uv":
        raise PackageError(f"environment {environment!r} is unknown: use 'current' or 'uv'")
    requirements = find_requirements(project)
    uv = _find_uv()
    folder = (cache or user_cache()) / "environments"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    shipped = _shipped() if linked else []
    target = folder / _key(requirements, shipped)
    with locked(target.with_suffix(".lock")):
        if not _python(target).exists():
            _build(uv, requirements, target, shipped, report)
    return str(_python(target))


def _find_uv() -> str:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = _uv_of_this_machine()
    if found is None:
        raise PackageError(
            f"environment='uv' needs uv, which is not installed on {os.uname().nodename}: pip install \"flamepy[uv]\", "
            "or have it on the PATH there. With environment='current' tasks run with what is installed there already"
        )
    return found


def _uv_of_this_machine() -> str | None:
    """The uv that has started this process, the first on the path, or that of a Flame cluster's worker."""
    import shutil

    started_by, home = os.environ.get("UV"), os.environ.get("FLAME_HOME")
    candidates = (started_by, "uv", f"{home}/bin/uv" if home else None)
    return next((found for each in candidates if each and (found := shutil.which(each))), None)


def _key(requirements: Requirements, shipped: Sequence[Path]) -> str:
    parts = (
        requirements.digest,
        sys.version,
        sys.implementation.cache_tag or "",
        sys.platform,
        os.uname().machine,
        os.path.realpath(sys.base_prefix),
        *map(str, shipped),
    )
    digest = new_sha256(1024)
    digest.update("\0".join(parts).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _shipped() -> list[Path]:
    """Return the folders of the packages that executors import of ours."""
    import importlib.util

    folders = []
    for name in _SHIPPED:
        spec = importlib.util.find_spec(name)
        folders += [Path(os.path.realpath(place)) for place in (spec and spec.submodule_search_locations) or ()][:1]
    return folders


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _build(uv: str, requirements: Requirements, target: Path, shipped: Sequence[Path], report: Report | None) -> None:
    import shutil

    # The lock is ours, so what has this name was left by a build that was killed.
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    project = requirements.path.parent
    try:
        _run(uv, ["venv", "--relocatable", "--no-project", "--python", sys.executable, str(partial)], project, report)
        listing = requirements.path
        if listing.name == "uv.lock":
            listing = partial / "requirements.txt"
            export = ["export", "--frozen", "--no-dev", "--no-emit-project", "--quiet", "--output-file", str(listing)]
            _run(uv, export, project, report)
        install = ["pip", "install", "--python", str(_python(partial)), "--requirements", str(listing)]
        _run(uv, install, project, report)
        _link(shipped, site_packages(partial))
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def site_packages(environment: Path) -> Path:
    """Return the folder of an environment that holds its packages."""
    return next((environment / "lib").glob("python*")) / "site-packages"


def _link(shipped: Sequence[Path], packages: Path) -> None:
    for source in shipped:
        place = packages / source.name
        if not place.exists():
            place.symlink_to(source, target_is_directory=True)


def _run(uv: str, arguments: Sequence[str], project: Path, report: Report | None) -> None:
    import subprocess

    command = [uv, "--no-progress", "--color", "never", *arguments]
    # The client's own virtual environment must not be taken for the target.
    variables = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "CONDA_PREFIX"}}
    lines = []
    with subprocess.Popen(
        command,
        cwd=project,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if report is not None:
                report(line.rstrip("\n"))
    if process.returncode != 0:
        output = "".join(lines)
        raise EnvironmentFailed(
            f"uv cannot make the environment of {project} (exit status {process.returncode} of "
            f"'uv {' '.join(arguments)}'):\n{output.strip()}",
            output=output,
            returncode=process.returncode,
        )
