"""Who gets executors: a pure core. Events go in, commands come out; it knows no clock, thread, socket or process.

::

    engine ──Event──► Cluster.handle ──[Command, ...]──► engine carries them out

It decides how many executors a session has and which are let go; single calls do not pass through it (the engine
hands them to executors that the core has granted).
"""
