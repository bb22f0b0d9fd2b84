"""One measurement process: ``python -m bench.child GROUP PEER OUTPUT [--quick]``; writes JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from bench import measures, peers
from bench.measures.notes import Notes


def main(group: str, name: str, output: str, *options: str) -> None:
    """Start the peer, measure one group, and write what was found."""
    notes = Notes(quick="--quick" in options)
    with notes.question("*"):
        peer = peers.load(name)()
        peer.start()
        measures.load(group)(peer, notes)
        peer.stop()
    found = {"figures": notes.figures, "reasons": notes.reasons}
    part = Path(f"{output}.part")
    part.write_text(json.dumps(found))
    part.rename(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # some peers leave threads that do not end
