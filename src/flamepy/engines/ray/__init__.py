"""The Ray engine: each executor is a Ray actor; frames travel straight between it and the client.

::

    carrier ── Ray ──► Seat (actor) ── runtime.loop on its main thread       started, placed, ended by Ray
       └── channel ═══ three TCP streams: data, bell, raw output ═══╝        a call costs no Ray call
    objects ── Ray objects, owned by the client ── store                     large buffers, zero-copy on arrival
       └─────── Ray ──► Steward (actor, one per node and client)             how executors died; results of theirs

Clients that the nodes cannot reach (``ray://host:port``) have a relay: an actor through whose calls streams travel.

Loaded by `flamepy.engines.select` only when an endpoint asks for Ray.

::

    engine.py      the linked engine over this carrier      cluster.py           the connection, one per process
    carrier.py     starts, reports, packages                channel.py           the streams to one executor
    objects.py     the client's side of objects             store.py             the executor's side
    seat.py        the actor that is an executor            steward.py           the actor that looks after a node
    streams.py     connecting to an executor                ticket.py folders.py  what it is told; its files
    relay.py relayed.py inline.py     for distant clients: streams in actor calls, buffers in messages
    box.py         what outlives an executor: the call it ran, its exit code, its last words
"""
