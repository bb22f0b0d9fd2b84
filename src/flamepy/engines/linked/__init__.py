"""What all engines share whose executors are byte streams: queue, order, retries, cancelling, streams, deaths, logs.

The scheduler lives in the client, there is no daemon. An executor is `flamepy.runtime` somewhere; a *carrier* starts it
there and connects it by a channel, and that is all that differs between the drivers::

    session.submit ─► queue ─► link ══channel══► executor (runtime.loop)     data plane: no thread between
    completion ◄─ reader ◄─── link ◄═══════════╝  the thread that waits reads
                                                                                control plane:
    keeper (one thread) ── fleet ── carrier ─ ─ ─ ► executor                  start, end, timers, logs, flmctl
        └── scheduling.Cluster decides how many executors a session has

::

    engine.py      the port: packages, sessions, objects, close      carrier.py     what a driver has to bring
    session.py     one service          queue.py      its waiting calls, and who gets which     source.py   wait, settle
    links.py       one executor: calls sent, answers, notes          calls.py      what a special call needs
    answers.py     what an answer means for its call                 news.py       what executors say besides
    reader.py      which thread reads                                poller.py kqueue.py       many descriptors at once
    keeper.py      the background thread, its timers                 duties.py     what it sees to
    fleet.py       the core's commands, carried out                  process.py binding.py deaths.py
    nesting.py     calls made by tasks                               deadlines.py  timeouts, cancelling
    forwarding.py  generators called by tasks                        checkpoints.py  what brings an instance back
    output.py      what tasks print                                  machine.py    this machine's memory and folders
    objects.py     large buffers in shared memory, where a carrier wants no other store
    interrupts.py  Ctrl-C, put off to a safe place                   forks.py      the user's process was forked
    inspection/    what flmctl sees: places, snapshots, logs, history
"""
