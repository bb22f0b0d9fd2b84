"""The single-node Flame server: ``flame-session-manager``.

``objects`` is its object cache.
"""
