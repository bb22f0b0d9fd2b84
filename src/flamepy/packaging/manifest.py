"""What an archive says about itself.

The manifest is a member of the archive, ``.flamepy/manifest.json``, and also stands in the comment of its gzip header:
the first kilobyte of a stored archive tells what is in it, whatever the storage is, so that no second object has to be
kept beside it. Every program that reads ``.tar.gz`` skips the comment.

It holds nothing that differs between two builds of the same tree. When a package was made is what its storage says.
"""

from __future__ import annotations

from flamepy.model.record import Record

# Enough for the gzip header of any archive of ours.
HEAD_BYTES = 2048
MEMBER = ".flamepy/manifest.json"
FORMAT = 1
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+ -")
_GZIP = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff"


class Manifest(Record):
    """What is in a package.

    Attributes:
        name: The runner's name.
        project: The project's name in its pyproject.toml, else empty.
        content: SHA-256 of the packed tree: names, kinds, executable bits, link targets and bytes.
        body: SHA-256 of the archive's bytes behind its gzip header.
        flamepy: Version of flamepy that built it.
        python: Version of Python that built it.
    """

    name: str
    project: str
    content: str
    body: str
    flamepy: str
    python: str

    def to_json(self) -> bytes:
        """Return the manifest as one line of JSON, of the same length for every hash."""
        # By hand, since importing json costs a millisecond and no value needs escapes.
        items = [f'"format":{FORMAT}', *(f'"{name}":"{_plain(value)}"' for name, value in self._asdict().items())]
        return ("{" + ",".join(items) + "}").encode("ascii")

    def gzip_header(self) -> bytes:
        """Return the first bytes of the archive."""
        return _GZIP + self.to_json() + b"\0"


def parse_head(head: bytes) -> Manifest | None:
    """Read the manifest from the first bytes of an archive.

    Returns:
        The manifest; None for an archive that another program built.
    """
    if not head.startswith(_GZIP):
        return None
    # Neither json nor re, for the same reason as above; what stands between quotes is at odd places.
    parts = head[len(_GZIP) :].partition(b"\0")[0].decode("ascii", "replace").split('"')
    fields = {
        parts[place]: parts[place + 2]
        for place in range(1, len(parts) - 3, 2)
        if parts[place + 1] == ":" and "\\" not in parts[place + 2]
    }
    return Manifest(**fields) if fields.keys() == set(Manifest._fields) else None


def _plain(value: str) -> str:
    return "".join([character if character in _PLAIN else "_" for character in value])
