"""The Ray engine: each executor is a Ray actor; frames travel straight between it and the client.

::

    carrier ── Ray ──► Seat (actor) ── runtime.loop on its main thread       started, placed, ended by Ray
       └── channel ═══ three TCP streams: data, bell, raw output ═══╝        a call costs no Ray call
    objects ── Ray objects, owned by the client ── store                     large buffers, zero-copy on arrival
       └─────── Ray ──► Steward (actor, one per node and client)             how executors died; results of theirs

A client elsewhere (``ray://host:port``) has a relay: an actor that knows Ray objects, and through whose calls the
streams of executors travel that it cannot reach.

Loaded by `flamepy.engines.select` only when an endpoint asks for Ray.

::

    engine.py      the linked engine over this carrier      cluster.py           the connection, one per process
    carrier.py     starts, reports, packages                channel.py           the streams to one executor
    objects.py     the client's side of objects             store.py             the executor's side
    seat.py        the actor that is an executor            steward.py           the actor that looks after a node
    streams.py     connecting to an executor                ticket.py folders.py  what it is told; its files
    guest.py sdk.py  every actor of ours, and flamepy, on nodes that may have another
    vault.py       how Ray objects are made and read, here and as a Ray client
    relay.py relayed.py  for distant clients: streams in actor calls
    questions.py   asking a cluster that may be gone
    box.py         what outlives an executor: the call it ran, its exit code, its last words
"""
