"""Modules that are importable as ``flamepy.core``, ``flamepy.cache`` and so on; see `flamepy.upstream`."""
