"""The single-node server: its parts, and a real one in a process of its own."""
