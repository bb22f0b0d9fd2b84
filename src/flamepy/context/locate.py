"""Find the flame.yaml that applies to this process."""

from __future__ import annotations

import os
import sys

from flamepy.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path  # at run time where it is needed: four milliseconds of every start

FILE_NAME = "flame.yaml"
PROJECT_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


def find_config() -> Path | None:
    """Find the configuration file.

    The order is ``$FLAME_CONFIG``, then ``flame.yaml`` in the working directory and its parents up to the project
    root, then the user's own: ``flamepy/flame.yaml`` in the per-user configuration folder and ``~/.flame/flame.yaml``.
    Parents count only below a project root or the home directory: a file that somebody else left in a shared folder
    such as ``/tmp`` is not picked up.

    Returns:
        The file, or None if there is none.

    Raises:
        ConfigError: ``$FLAME_CONFIG`` names a file that does not exist.
    """
    named = os.environ.get("FLAME_CONFIG")
    if named:
        from pathlib import Path

        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"FLAME_CONFIG names {str(path)!r}, which is not a file: correct it or unset FLAME_CONFIG",
                path=path,
                line=None,
            )
        return path
    for folder in (*_project_folders(), *_user_folders()):
        file = os.path.join(folder, FILE_NAME)
        if os.path.isfile(file):
            from pathlib import Path

            return Path(file)
    return None


def _project_folders() -> list[str]:
    """Return the working directory and its parents up to the project root."""
    try:
        here = os.getcwd()
    except OSError:  # the working directory was deleted
        return []
    home = os.path.normpath(os.path.expanduser("~"))
    folders: list[str] = []
    folder = here
    while not folders or folder != folders[-1]:
        folders.append(folder)
        if folder == home or any(os.path.exists(os.path.join(folder, marker)) for marker in PROJECT_MARKERS):
            return folders
        folder = os.path.dirname(folder)
    return [here]


def _user_folders() -> list[str]:
    """Return the folders for a user's own file."""
    home = os.path.expanduser("~")
    if sys.platform == "linux":  # what platformdirs says, without its import (5 ms at every start)
        base = os.environ.get("XDG_CONFIG_HOME", "")
        own = os.path.join(base if base.startswith("/") else os.path.join(home, ".config"), "flamepy")
    else:
        from platformdirs import user_config_path

        own = str(user_config_path("flamepy"))
    return [own, os.path.join(home, ".flame")]
