"""What travels between a client and its executors.

::

    client ──[method, arguments, method, arguments, ...]──► executor     method >= 0: a call, < 0: a `Note`
    client ◄──────────[reply, note, reply, reply, ...]───── executor     replies in the order of the calls

``frames`` cuts and builds messages, ``pulse`` waits for one.

A message is a flat list, marshalled, behind four bytes of length. Calls carry no number: an executor answers in the
order in which it was asked. What ends later than its turn (a coroutine, a stream) is answered with a promise.
"""
