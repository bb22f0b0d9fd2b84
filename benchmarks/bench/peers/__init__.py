"""One module per peer; nothing of a peer is imported before it is measured."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.peers.port import Peer

HOMES = {
    "flamepy": "flame:Flame",
    "fork": "pools:Fork",
    "spawn": "pools:Spawn",
    "loky": "pools:Loky",
    "pyro": "pyro:Pyro",
    "ray": "ray_:Ray",
    "dask": "dask_:Dask",
    "ipyparallel": "ipyparallel_:Ipyparallel",
    "parsl": "parsl_:Parsl",
    "limit": "limits:Limits",
}
"""Every peer, in the order of the tables."""

TITLES = {
    "flamepy": "flamepy",
    "fork": "ProcessPoolExecutor, fork",
    "spawn": "ProcessPoolExecutor, spawn",
    "loky": "loky",
    "pyro": "Pyro5 (Unix socket)",
    "ray": "Ray",
    "dask": "Dask",
    "ipyparallel": "ipyparallel",
    "parsl": "Parsl (HTEX)",
    "limit": "limit of the platform",
}

DISTRIBUTIONS = {
    "flamepy": "flamepy",
    "loky": "loky",
    "pyro": "Pyro5",
    "ray": "ray",
    "dask": "distributed",
    "ipyparallel": "ipyparallel",
    "parsl": "parsl",
}
"""Whose version is shown."""

QUICK = ("flamepy", "fork", "loky", "pyro", "ray", "limit")


def load(name: str) -> type[Peer]:
    """Import a peer's module and return its class."""
    module, _, attribute = HOMES[name].partition(":")
    found: type[Peer] = getattr(import_module(f"bench.peers.{module}"), attribute)
    return found
