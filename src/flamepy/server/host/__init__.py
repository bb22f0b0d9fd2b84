"""Executors: the processes that services run in.

``executor`` lives through one of them: ``install`` what it needs, ``process`` to start and end it in the
``environment`` that services expect, ``instance`` to speak to it. ``fleet`` decides how many there are; ``reaper`` ends
them all should the server be killed.
"""
