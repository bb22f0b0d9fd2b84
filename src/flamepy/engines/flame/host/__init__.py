"""What runs on a worker of a Flame cluster: a service process that hosts one executor of ours.

It needs Python's standard library and the parts of flamepy that `engines.flame.sdk` ships; no grpc, no protobuf, so it
runs on a worker that has nothing but Python. One thread, one loop::

    executor manager ══Unix socket══► instance (http2, hpack, messages) ─► exchange ─► child ══► runtime.loop
                      flame.v1.Instance                                    letters     frames
"""
