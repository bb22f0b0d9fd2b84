"""The embedded engine: executors are processes of this machine.

::

    carrier ── launcher ══► template ──fork──► executor       started, reaped, and ended with the client
       └── channel ═══════ Unix sockets ═══════╝
    objects ─ ─ ─ ─ ─ ─ shared memory ─ ─ ─ ─ ─╯

::

    engine.py      the linked engine over this carrier      carrier.py channel.py    start executors, connect them
    launcher.py    the client's side of the template        processes.py             progress cells, ends by force
    workplace.py   the unpacked package
"""
