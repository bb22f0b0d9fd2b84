"""``flmping``: sleeps, takes memory, and says where it was."""

from __future__ import annotations

import asyncio
import json
import platform
import time

from flamepy.server.services.serve import serve

MAX_SECONDS = 86_400


def main() -> None:
    """Serve."""
    serve(ping)


async def ping(_: bytes, given: bytes) -> bytes:
    """Do one task: ``{"duration": ms or null, "memory": bytes or null}`` -> ``{"message": ...}``.

    Raises:
        TypeError: The input is no object.
        ValueError: The input is not that.
    """
    asked = json.loads(given or b"{}")
    if not isinstance(asked, dict):
        raise TypeError("the input must be an object with 'duration' and 'memory'")
    start = time.monotonic()
    size = int(asked.get("memory") or 0)
    held = bytearray(size)
    await asyncio.sleep(min(int(asked.get("duration") or 0) / 1000, MAX_SECONDS))
    took = round((time.monotonic() - start) * 1000)
    message = f"Completed on <{platform.node()}> in <{took}> milliseconds with <{len(held)}> memory"
    return json.dumps({"message": message}).encode()
