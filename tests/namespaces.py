"""A network of its own for a process, joined to this machine by two addresses: what another machine is to a program."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ADDRESSES = ipaddress.ip_network("10.213.0.0/16")
"""Two of these for each namespace; they are known to this machine and to the namespace alone."""

_numbers = itertools.count()


class Namespace(NamedTuple):
    """A network namespace.

    Attributes:
        name: Its name, for ``ip netns``.
        ours: The address of this machine, seen from inside.
        theirs: The address of what runs inside, seen from here.
    """

    name: str
    ours: str
    theirs: str

    def command(self, *command: str, hidden: Sequence[Path] = ()) -> list[str]:
        """Return the command that runs another inside, where these folders are empty, as on another machine."""
        mounts = [f"mount -t tmpfs none '{folder}'" for folder in hidden]
        inside = " && ".join([*mounts, 'exec "$@"'])
        return ["ip", "netns", "exec", self.name, "unshare", "--mount", "sh", "-c", inside, "sh", *command]


@contextlib.contextmanager
def network() -> Iterator[Namespace]:
    """Make a namespace; skip the test where none can be made."""
    if shutil.which("ip") is None:
        pytest.skip("needs the program ip (Debian: iproute2)")
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    number = next(_numbers)
    mark = f"{os.getpid()}-{number}"
    first = int(ADDRESSES.network_address) + (os.getpid() * 2 + number) * 4 % ADDRESSES.num_addresses
    made = Namespace(f"flamepy-{mark}", *(str(ipaddress.ip_address(first + host)) for host in (1, 2)))
    near, far = f"fl{mark}a", f"fl{mark}b"
    with contextlib.ExitStack() as stack:
        try:
            ip("netns", "add", made.name)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this machine allows no network of its own: {error.stderr.decode().strip()}")
        stack.callback(ip, "netns", "del", made.name)
        ip("link", "add", near, "type", "veth", "peer", "name", far)
        ip("link", "set", far, "netns", made.name)
        ip("addr", "add", f"{made.ours}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", made.name, "addr", "add", f"{made.theirs}/30", "dev", far)
        ip("-n", made.name, "link", "set", far, "up")
        ip("-n", made.name, "link", "set", "lo", "up")
        yield made


def ip(*words: str) -> None:
    """Run the program ``ip``."""
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)
