"""A WebDAV server in this process: HTTP that keeps files."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def serving(root: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve a folder; yields its URL."""
    from cheroot.wsgi import Server
    from wsgidav.wsgidav_app import WsgiDAVApp  # type: ignore[import-untyped]

    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(root)},
            "simple_dc": {"user_mapping": {"*": True}},
            "logging": {"enable": False},
            "verbose": 0,
        }
    )
    server = Server((host, 0), app)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    name, port = server.bind_addr
    try:
        yield f"http://{name}:{port}"
    finally:
        server.stop()
        thread.join()
