"""The executor process: thin, started in a blink, and knowing nothing of the API above it.

::

    template.py   a warmed process that forks executors and reaps them
    receiver.py   reads messages, on the main thread or beside it
    loop.py       receive, run, answer - one task at a time, in order
    host.py       what differs between machines: folders, where large buffers live
    target.py     the package on sys.path, the object, its methods
    tasks.py      what is not a plain call: coroutines, streams, shared arguments
    nested.py     services called from inside a task
    output.py     print() of tasks

It imports C modules and a handful of our own, because each import is paid by every start.
"""
