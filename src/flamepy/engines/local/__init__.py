"""The embedded engine: executors are processes of this machine, the scheduler lives in the client, no daemon.

::

    session.submit ─► queue ─► link ══socket══► executor (runtime.loop)      data plane: no thread between
    completion ◄─ reader ◄─── link ◄══════════╝   the thread that waits reads
                                                                                 control plane:
    keeper (one thread) ── launcher ══► template ──fork──► executor            start, end, timers, logs, flmctl
        └── scheduling.Cluster decides how many executors a session has

::

    engine.py      the port: packages, sessions, objects, close
    session.py     one service          queue.py      its waiting calls, and who gets which     source.py   wait, settle
    links.py       one executor: calls sent, answers, notes          calls.py      what a special call needs
    answers.py     what an answer means for its call                 news.py       what executors say besides
    reader.py      which thread reads                                poller.py kqueue.py       many descriptors at once
    keeper.py      the background thread, its timers                 duties.py     what it sees to
    fleet.py       the core's commands, carried out                  processes.py binding.py deaths.py launcher.py
    objects.py     shared memory, reference counts, spill            workplace.py  the unpacked package
    nesting.py     calls made by tasks                               deadlines.py  timeouts, cancelling
    output.py      what tasks print                                  machine.py    memory, devices, folders
    interrupts.py  Ctrl-C, put off to a safe place                   forks.py      the user's process was forked
    inspection/    what flmctl sees: places, snapshots, logs, history
"""
