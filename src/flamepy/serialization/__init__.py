"""Bytes and Python objects: pickling with buffers out of band, by reference and by value, errors, shared memory.

::

    codec      values and arguments to what travels, and back; the fast path for small immutable ones
    byvalue    cloudpickle, and whether the main script can travel as a file
    failures   exceptions with their traceback
    segments   shared memory: written once, mapped by whoever needs it, recycled
"""
