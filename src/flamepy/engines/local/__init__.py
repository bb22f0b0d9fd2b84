"""The embedded engine: executors are processes of this machine, the scheduler lives in the client, no daemon.

::

    session.submit ─► queue ─► link ══socket══► executor (runtime.loop)        data plane: no thread between
    completion ◄─ reader ◄─── link ◄══════════╝   the thread that waits reads
                                                                                 control plane:
    keeper (one thread) ── launcher ══► template ──fork──► executor            start, end, timers, logs, flmctl
        └── scheduling.Cluster decides how many executors a session has

::

    engine.py    the port: sessions, objects, close          links.py     one executor: pending calls, answers
    session.py   the queue of one service                    calls.py     calls that are more than three fields
    reader.py    which thread reads                          keeper.py    the background thread and its timers
    objects.py   shared memory, reference counts, spill      streams.py   generators
    launcher.py  the template process                        nested.py    calls made by tasks
    fleet.py     executors and the core's commands           output.py    what tasks print
"""
