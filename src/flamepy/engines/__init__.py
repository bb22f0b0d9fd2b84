"""Where sessions run: one port, three drivers.

::

    service.py ──submit──► engines.port.Session ◄──implements── engines.local   executors on this machine
                                                                engines.flame   a Flame cluster
                                                                engines.ray     a Ray cluster

Drivers whose executors are byte streams share `engines.linked` and differ in a carrier.
`flamepy.engines.select` alone knows the drivers; it picks one by the scheme of the endpoint.
"""
