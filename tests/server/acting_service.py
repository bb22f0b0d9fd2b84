"""A service that does what its tasks say; run by a server under test."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from flamepy.server.services.serve import serve

COUNT = 0


async def run(common: bytes, given: bytes) -> bytes:
    global COUNT
    COUNT += 1
    asked = json.loads(given or b"{}")
    done = await ACTS[asked.pop("do", "say")](**asked)
    if done is not None:
        return done
    facts = {"pid": os.getpid(), "count": COUNT, "cwd": os.getcwd(), "common": common.decode()}
    return json.dumps({**facts, "environment": dict(os.environ)}).encode()


async def say(text="", **_):
    print(text, flush=True)


async def fail(text):
    raise RuntimeError(text)


async def leave(code):
    print("last words", file=sys.stderr, flush=True)
    os._exit(code)


async def kill():
    os.kill(os.getpid(), 9)


async def sleep(seconds):
    await asyncio.sleep(seconds)


async def big(size, **_):
    return b"x" * size


async def spawn():
    return str(subprocess.Popen(["sleep", "600"]).pid).encode()


async def note(file, text, seconds=0):
    await asyncio.sleep(seconds)
    with Path(file).open("a") as out:
        out.write(f"{text}\n")


ACTS = {
    "say": say,
    "raise": fail,
    "exit": leave,
    "kill": kill,
    "sleep": sleep,
    "big": big,
    "spawn": spawn,
    "note": note,
}

if __name__ == "__main__":
    if "--leave-at-once" in sys.argv:
        sys.exit("no such model: x")
    serve(run)
