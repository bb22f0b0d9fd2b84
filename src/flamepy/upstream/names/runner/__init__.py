"""Modules that are importable as ``flamepy.runner.types`` and so on."""
