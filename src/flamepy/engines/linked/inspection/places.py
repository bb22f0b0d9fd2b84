"""Where embedded engines keep their files, and how one tells a live engine from a dead one.

::

    runtime_root()/                per user, 0700, gone after a reboot
        engines/<engine id>/       one per engine, made by claim(); locked by its owner as long as that lives
            control.sock           answers flmctl, see control.py
            info.json              who it is, for the time when it does not answer
    state_root()/                  per user, 0700, survives a reboot
        logs/<session id>.log      see session_log.py
        ended/<engine id>.json     last words of engines, not yet in history.sqlite; see ended.py
        history.sqlite             see history.py

A lock is released by the kernel when its owner ends, however it ends, so that a process number that was given to
somebody else fools nobody. The folder itself is locked, which also keeps systemd-tmpfiles from emptying it.
This module is imported at every engine start: nothing but C modules at import time.

``FLAMEPY_RUNTIME_DIR`` and ``FLAMEPY_STATE_DIR`` name the two roots, for tests and containers.
"""

from __future__ import annotations

import os
import sys

from flamepy.engines.linked.inspection.private_files import (
    RUNTIME_VARIABLE,
    STATE_VARIABLE,
    is_locked,
    is_ours,
    lock,
    private_folder,
    remove_tree,
    unlink,
    unlock,
    write_atomically,
)
from flamepy.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SOCKET_PATH_LIMIT = 103 if sys.platform == "darwin" else 107
_LEFTOVER_SECONDS = 3600


class EnginePlace:
    """The folder of one engine, as its readers see it; making this object touches nothing.

    Args:
        path: The folder, ``<runtime_root()>/engines/<engine id>``.

    Attributes:
        id: The engine's id.
        path: The folder.

    Example:
        >>> EnginePlace("/run/user/1000/flamepy/engines/4711-a1").id
        '4711-a1'
    """

    __slots__ = ("__weakref__", "id", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.id = os.path.basename(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    @property
    def info_path(self) -> str:
        """The file that says who the engine is."""
        return f"{self.path}/info.json"

    @property
    def control_path(self) -> str:
        """The control socket; in a short folder of this user if the path is too long for a socket."""
        path = f"{self.path}/control.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            return path
        return f"{private_folder(_fallback_root())}/{self.id}.sock"

    def is_live(self) -> bool:
        """Whether the owner of the folder lives."""
        return is_locked(self.path)

    def read_info(self) -> dict[str, object]:
        """What the engine said of itself with `ClaimedPlace.write_info`; empty if it said nothing."""
        import json

        try:
            with open(self.info_path, encoding="utf-8") as file:
                info = json.load(file)
        except (OSError, ValueError):
            return {}
        return info if isinstance(info, dict) else {}

    def remove(self) -> bool:
        """Remove the folder of a dead engine.

        Returns:
            Whether it was there; of several processes that try at once, one wins.
        """
        tomb = f"{os.path.dirname(self.path)}/.removed-{self.id}-{os.getpid()}"
        try:
            os.rename(self.path, tomb)
        except OSError:
            return False
        unlink(self.control_path)
        remove_tree(tomb)
        return True


class ClaimedPlace(EnginePlace):
    """The folder of a running engine, held by its owner; made by `claim`."""

    __slots__ = ("_lock",)

    def __init__(self, path: str, descriptor: int) -> None:
        super().__init__(path)
        self._lock = descriptor

    def write_info(self, info: Mapping[str, object]) -> None:
        """Say who the engine is, for readers that get no answer from it.

        Args:
            info: ``pid``, ``created``, ``endpoint`` and whatever else JSON can hold. A snapshot encoded by
                `flamepy.engines.linked.inspection.records` under ``snapshot`` lets flmctl list the sessions of an
                engine that was killed.

        Raises:
            OSError: It cannot be written.
        """
        from flamepy.engines.linked.inspection.records import to_json

        write_atomically(self.info_path, to_json(dict(info)).encode())

    def release(self) -> None:
        """Remove the folder and give its lock back; idempotent."""
        if self._lock < 0:
            return
        descriptor, self._lock = self._lock, -1
        self.remove()
        unlock(descriptor)

    def _forget_in_child(self) -> None:
        # A forked child that outlives a killed engine must not make it look alive.
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def claim(engine_id: str) -> ClaimedPlace:
    """Make the folder of a new engine and hold its lock until `ClaimedPlace.release` or the end of the process.

    Args:
        engine_id: Unique among this user's engines; letters, digits and ``-``.

    Raises:
        EngineError: The runtime folder belongs to somebody else, or cannot be made.

    Example:
        >>> place = claim("4711-a1b2c3")  # doctest: +SKIP
        >>> place.release()  # doctest: +SKIP
    """
    engines = private_folder(f"{runtime_root()}/engines")
    # Locked under a hidden name and then renamed, so that nobody ever sees it without its lock.
    unfinished, path = f"{engines}/.{engine_id}", f"{engines}/{engine_id}"
    if os.path.lexists(path):  # rename() would replace an empty folder without a word
        raise EngineError(f"an engine {engine_id} has the folder {path} already", path=path)
    try:
        os.mkdir(unfinished, 0o700)
        descriptor = lock(unfinished)
        os.rename(unfinished, path)
    except OSError as error:
        raise EngineError(f"cannot make the engine's folder {path}: {error.strerror}", path=path) from error
    place = ClaimedPlace(path, descriptor)
    _close_in_children(place)
    return place


def runtime_root() -> str:
    """Return the runtime folder of this user, made if need be, mode 0700.

    ``$FLAMEPY_RUNTIME_DIR``, else ``flamepy`` in ``$XDG_RUNTIME_DIR`` or ``/run/user/<uid>``, whichever is a folder
    of ours, else ``<temporary folder>/flamepy-<uid>``.

    Raises:
        EngineError: It belongs to somebody else, or cannot be made.
    """
    return private_folder(_runtime_candidates()[0])


def state_root() -> str:
    """Return the folder of this user for logs and history, made if need be, mode 0700.

    ``$FLAMEPY_STATE_DIR``, else ``$XDG_STATE_HOME/flamepy``, else the custom of the system; without a home folder
    that can be written it lies in the runtime folder.

    Raises:
        EngineError: It belongs to somebody else, or cannot be made.
    """
    named = os.environ.get(STATE_VARIABLE)
    if named:
        return private_folder(os.path.abspath(named))
    try:
        return private_folder(_default_state_root())
    except EngineError:
        return private_folder(f"{runtime_root()}/state")


def logs_root() -> str:
    """Return the folder of the session logs, made if need be.

    Raises:
        EngineError: As `state_root`.
    """
    return private_folder(f"{state_root()}/logs")


def ended_root() -> str:
    """Return the folder of the last words that wait to be folded into the history, made if need be.

    Raises:
        EngineError: As `state_root`.
    """
    return private_folder(f"{state_root()}/ended")


def live_engines() -> list[EnginePlace]:
    """Return the places of this user's running engines, oldest first."""
    return [place for place in _places() if place.is_live()]


def dead_engines() -> list[EnginePlace]:
    """Return the places of engines that were killed before they could tidy up, oldest first.

    Whoever calls this frees what they left behind, then calls `flamepy.engines.linked.inspection.ended.bury` on each.
    """
    return [place for place in _places() if not place.is_live()]


def _runtime_candidates() -> list[str]:
    """The roots where engines of this user may live; new ones go to the first."""
    named = os.environ.get(RUNTIME_VARIABLE)
    if named:
        return [os.path.abspath(named)]
    # An engine started by cron has no XDG_RUNTIME_DIR, and a job may have its own TMPDIR: readers look at all.
    bases = (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{os.geteuid()}")
    roots = [f"{base}/flamepy" for base in bases if base and is_ours(base)]
    roots += [f"{_temporary()}/flamepy-{os.geteuid()}", _fallback_root()]
    return list(dict.fromkeys(roots))


def _temporary() -> str:
    # What tempfile.gettempdir() finds on any usual machine, without the cost of importing it.
    for name in ("TMPDIR", "TEMP", "TMP"):
        folder = os.environ.get(name)
        if folder and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return os.path.abspath(folder)
    return "/tmp"


def _fallback_root() -> str:
    return f"/tmp/flamepy-{os.geteuid()}"


def _default_state_root() -> str:
    named = os.environ.get("XDG_STATE_HOME")
    if named and os.path.isabs(named):
        return f"{named}/flamepy"
    home = os.path.expanduser("~")
    custom = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
    return f"{home}/{custom}/flamepy"


def _places() -> Iterator[EnginePlace]:
    for root in _runtime_candidates():
        engines = f"{root}/engines"
        if not is_ours(engines):
            continue
        for changed, entry in sorted(((_changed(entry), entry) for entry in os.scandir(engines)), key=_first):
            if not entry.name.startswith("."):
                yield EnginePlace(entry.path)
            elif changed < _now() - _LEFTOVER_SECONDS and not is_locked(entry.path):
                remove_tree(entry.path)


def _first(pair: tuple[float, os.DirEntry[str]]) -> float:
    return pair[0]


def _changed(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0


def _now() -> float:
    import time

    return time.time()


def _close_in_children(place: ClaimedPlace) -> None:
    from _weakref import ref

    reference = ref(place)

    def forget() -> None:
        claimed = reference()
        if claimed is not None:
            claimed._forget_in_child()

    os.register_at_fork(after_in_child=forget)
