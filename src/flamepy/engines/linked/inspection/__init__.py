"""What other processes of this user may see of an engine, while it runs and afterwards: `flmctl` looks in here.

::

    places.py ─ a locked folder per engine        private_files.py  files and locks of this user only
    register.py ─ the engine's side: snapshots ──► control.py ══control.sock══► inspector.py (in flmctl)
    records.py ─ snapshots as JSON
    session_log.py ─ what tasks printed           ended.py ─ last words ──► history.py, an SQLite file
"""
