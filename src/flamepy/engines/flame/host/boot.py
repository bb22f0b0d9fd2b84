"""The first minute of a service process: greet the executor manager, receive flamepy, hand over to it.

With `hpack`, `http2`, `messages` and `instance` this is all that a registered application carries in its arguments. The
rest of flamepy comes in the first task, since a client and its executors must never disagree. It is kept by its hash in
a folder of this user.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tempfile
import zipfile

from flamepy.engines.flame.host import messages
from flamepy.engines.flame.host.instance import Call, Instance
from flamepy.engines.flame.host.messages import MARK_BYTES, SDK_MARK

WAIT = 120.0
"""Seconds in which somebody has to connect."""


NEW_PROCESS = "this process is new, and its session is not"


def main() -> None:
    """Serve until the first task, then become what it brings."""
    instance = Instance(os.environ["FLAME_INSTANCE_ENDPOINT"])
    hello = b""
    patience: float | None = WAIT
    while not instance.abandoned:
        calls, _ = instance.wait(patience)
        if not calls and patience and not instance.connected:
            return
        patience = None
        for call in calls:
            if call.method == "OnSessionEnter":
                hello = messages.blob(call.message, messages.COMMON_DATA) or b""
                call.answer(messages.result())
            elif call.method == "OnTaskInvoke":
                _become(instance, hello, call)
                return
            else:
                call.answer(messages.result())


def _become(instance: Instance, hello: bytes, call: Call) -> None:
    task = messages.blob(call.message, messages.INPUT) or b""
    try:
        digest, archive, letter = _open(task)
        root = unpack(digest, archive)
    except (OSError, ValueError) as error:
        call.answer(messages.task_result(None, -1, f"flamepy cannot be set up on {os.uname().nodename}: {error}"))
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "flamepy"]:
        del sys.modules[name]
    sys.path.insert(0, root)
    from flamepy.engines.flame.host.worker import run

    run(instance, hello, call, letter, root)


def _open(task: bytes) -> tuple[str, bytes, bytes]:
    if not task.startswith(SDK_MARK):
        raise ValueError(f"the first task does not bring it: {NEW_PROCESS}")
    digest = task[len(SDK_MARK) : len(SDK_MARK) + 32].hex()
    size = int.from_bytes(task[MARK_BYTES - 8 : MARK_BYTES], "little")
    archive = task[MARK_BYTES : MARK_BYTES + size]
    if hashlib.sha256(archive).hexdigest() != digest:
        raise ValueError("its archive was damaged on the way")
    return digest, archive, task[MARK_BYTES + size :]


def unpack(digest: str, archive: bytes) -> str:
    """Return the folder that holds an archive's content; what another process unpacked is used again.

    Raises:
        OSError: The folder cannot be written, or belongs to somebody else.
        ValueError: The archive is damaged.
    """
    shared = "/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir()  # TMPDIR may be this executor's alone
    parent = os.path.join(shared, f"flamepy-sdk-{os.getuid()}")
    os.makedirs(parent, mode=0o700, exist_ok=True)
    facts = os.lstat(parent)
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or not os.path.isdir(parent):
        raise OSError(f"{parent} is not a private folder of this user")
    root = os.path.join(parent, digest[:32])
    if not os.path.isdir(root):
        try:
            with tempfile.TemporaryDirectory(dir=parent) as fresh, zipfile.ZipFile(io.BytesIO(archive)) as packed:
                packed.extractall(f"{fresh}/sdk")
                os.rename(f"{fresh}/sdk", root)
        except zipfile.BadZipFile as error:
            raise ValueError(str(error)) from error
        except OSError:
            if not os.path.isdir(root):  # else another process was faster
                raise
    return root
