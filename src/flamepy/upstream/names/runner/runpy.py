"""``python -m flamepy.runner.runpy``: what upstream's Runner runs in a cluster."""

from flamepy.upstream.execution import FlameRunpyService, main

__all__ = ["FlameRunpyService", "main"]

if __name__ == "__main__":
    main()
