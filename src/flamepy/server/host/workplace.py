"""What all executors of a server share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flamepy.server.host.environment import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flamepy.server.book import Book
    from flamepy.server.host.install import Installer
    from flamepy.server.host.process import Reaper
    from flamepy.server.logs import Logs


class Workplace(NamedTuple):
    """The means of executors.

    Attributes:
        home: The server's folder.
        sockets: Where services listen; a short path, since Unix sockets have names of 100 bytes at most.
        book: Sessions and tasks.
        logs: What services print.
        installer: Makes environments.
        reaper: Ends what is left if the server is killed.
        endpoints: Variables that say where the server is.
    """

    home: Path
    sockets: Path
    book: Book
    logs: Logs
    installer: Installer
    reaper: Reaper
    endpoints: Mapping[str, str]

    def folder_of(self, executor: str) -> Path:
        """Return the folder of an executor; removed with it."""
        return self.home / "executors" / executor

    def place(self, executor: str, asked: str, own: Path) -> Place:
        """Return where an executor works.

        Args:
            executor: Its id.
            asked: The application's working directory, or "".
            own: Its own folder.
        """
        folder = Path(asked) if asked else own
        return Place(self.home, folder, own / "tmp", self.sockets / f"{executor}.sock")
