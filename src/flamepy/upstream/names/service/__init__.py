"""Modules that are importable as ``flamepy.service.client`` and so on."""
