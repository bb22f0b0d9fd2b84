"""A real ``flame-session-manager`` for tests, in a process of its own, on free ports."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

START_SECONDS = 30


class ServerProcess:
    """A server.

    Args:
        data: Its folder; a second server with the same folder goes on where the first one ended.
        arguments: More of its command line.
        environment: More variables.
        wrapped: Makes of its command the one that is run.

    Example:
        >>> with ServerProcess(tmp_path) as server:  # doctest: +SKIP
        ...     grpc.insecure_channel(server.target)
    """

    def __init__(
        self,
        data: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        endpoint: str = "http://127.0.0.1:0",
        cache: str = "grpc://127.0.0.1:0",
        resources: str = "cpu=8,mem=16g",
        web: Sequence[str] = ("--no-web",),
        wrapped: Callable[[list[str]], list[str]] = list,
    ) -> None:
        self.data = data
        self.lines: list[str] = []
        self.endpoint = self.cache = ""
        self.process: subprocess.Popen[str] | None = None
        self._command = [
            *(sys.executable, "-m", "flamepy.cli.serving", "--endpoint", endpoint, "--cache", cache),
            *("--data", str(data), "--resources", resources, *web, *arguments),
        ]
        self._wrapped = wrapped
        self._environment = {**os.environ, **(environment or {})}
        self._reader: threading.Thread | None = None

    @property
    def target(self) -> str:
        """Host and port of the Frontend, as gRPC wants them."""
        return self.endpoint.partition("://")[2]

    def start(self) -> ServerProcess:
        """Start it and wait until it serves."""
        self.endpoint = self.cache = ""
        self.process = subprocess.Popen(
            self._wrapped(self._command), env=self._environment, stderr=subprocess.PIPE, text=True
        )
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self.process, ready), daemon=True)
        self._reader.start()
        if not ready.wait(START_SECONDS) or not self.endpoint:
            self.kill()
            raise AssertionError("the server did not start:\n" + "".join(self.lines))
        return self

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        assert self.process
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> int:
        """Kill it."""
        assert self.process
        self.process.kill()
        return self._ended()

    def restart(self) -> ServerProcess:
        """Start it again, at the same address."""
        for flag, value in (("--endpoint", self.endpoint), ("--cache", self.cache)):
            self._command[self._command.index(flag) + 1] = value.replace("grpc+tls://", "grpcs://")
        return self.start()

    def __enter__(self) -> ServerProcess:
        return self if self.process is not None and self.process.poll() is None else self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr
        for line in process.stderr:
            self.lines.append(line)
            if match := re.search(r"sessions at (\S+), objects at (\S+)$", line):
                self.endpoint, self.cache = match.groups()
                ready.set()
        ready.set()

    def _ended(self) -> int:
        assert self.process
        assert self._reader
        try:
            status = self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not end:\n" + "".join(self.lines)) from None
        self._reader.join(5)
        assert self.process.stderr
        self.process.stderr.close()
        return status
