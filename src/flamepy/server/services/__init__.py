"""The services of the built-in applications; each runs in a process of its own, behind ``flame.v1.Instance``."""
