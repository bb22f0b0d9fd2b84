"""Receive, run, answer: the main loop of an executor.

One message holds many calls; they run one after the other on the main thread, and their answers leave together when
the message is done, when a task takes longer than a moment, or when somebody waits. What is being run stands in a
shared cell, so that the client knows it even after a crash.
"""

from __future__ import annotations

import _signal
import _socket
import _thread
import os
from time import perf_counter, sleep

from flamepy.runtime import checkpoint, output
from flamepy.runtime.receiver import Receiver
from flamepy.runtime.target import Target
from flamepy.serialization import failures
from flamepy.serialization.codec import NUMBERS, SHORT, TEXTS
from flamepy.wire.frames import Ask, Say, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

    from flamepy.runtime.host import Host
    from flamepy.runtime.tasks import Tasks

HERE = os.path.dirname(os.path.abspath(__file__))
"""Frames of this folder are left out of tracebacks."""

MOMENT = 0.002
"""Seconds after which finished answers leave although the message is not done."""

ANSWERS = 512
"""Answers in one message at most."""

WHY = {b"T": "timeout", b"C": "cancel"}
"""What the first byte of a ring means; ``H`` asks for the calls behind the running one."""

BELL = 9
"""Bytes of one ring of the bell: why, and the number of the call meant."""


class Interrupted(BaseException):
    """Raised in the running task when it is cancelled or out of time; ``args[0]`` says which."""


class Executor(Receiver):
    """One executor process: its socket, its bell, its object.

    Args:
        data: Descriptor of the socket to the client.
        bell: Descriptor of the socket on which the client says what SIGINT is about.
        host: The machine that it runs on.
    """

    def __init__(self, data: int, bell: int, host: Host) -> None:
        super().__init__(_socket.socket(fileno=data))
        self._bell = _socket.socket(fileno=bell)
        self._bell.setblocking(False)
        self.host = host
        self.out: list[Any] = []
        self._sending = _thread.allocate_lock()
        self._late = _thread.allocate_lock()
        self._late.acquire()
        self._late_started = False
        self._methods: list[Callable[..., Any]] = []
        self._ringing = self._rung = False
        self._skip: dict[int, str] = {}
        self._sequence = 0
        self._rest: Iterator[Any] = iter(())
        self._returning = 0
        self._unsaved = 0
        self.running: Any = memoryview(bytearray(8)).cast("Q")
        self.target: Target
        self.tasks: Tasks
        self.exit_now = os._exit
        self._elastic = False
        self._checkpoint: int | None = None
        self._timed = False
        self._busy_since = 0.0
        self._writers: tuple[output.LineWriter, ...] = ()
        self._unfinished = (bytearray(), bytearray())

    # ---- the loop

    def run(self) -> None:
        """Serve until the client closes the socket."""
        inbox, receive, serve, flush = self.inbox, self.receive, self._serve, self.flush
        while True:
            message = inbox.popleft() if inbox else receive()
            if message is None:
                return
            self._busy_since = self._timed and perf_counter()
            try:
                serve(message)
            except Interrupted:  # it rang between two tasks
                self.running[0] = 0
            flush()
            self._busy_since = 0.0

    def _serve(self, message: list[Any]) -> None:  # noqa: C901, PLR0915 - one function, because each call pays for more
        rest = iter(message)
        if len(message) > 2:
            self.late()
        self._rest = rest
        methods, add, skip, running = self._methods, self.out.append, self._skip, self.running
        printed, complained = self._unfinished
        for method, args in zip(rest, rest, strict=False):
            if method < 0:
                self.note(method, args)
                methods, running = self._methods, self.running
                printed, complained = self._unfinished
                continue
            if self._returning and self.drops_call():
                continue
            self._sequence = sequence = self._sequence + 1
            if skip and sequence in skip:
                add((Say.CANCELLED, skip.pop(sequence)))
                continue
            try:
                try:
                    running[0] = sequence
                    result = methods[method](*args) if type(args) is tuple else self.tasks.run(methods[method], args)
                    kind = type(result)
                    if kind not in NUMBERS and (kind not in TEXTS or len(result) > SHORT):
                        result = self.tasks.answer(result)
                    running[0] = 0
                except BaseException as error:
                    running[0] = 0
                    result = self.failed(error)
            except Interrupted as error:  # it rang while the error was being written down
                running[0] = 0
                result = self.failed(error)
            if printed or complained:
                self._finish_lines()
            add(result)
            if self._checkpoint:
                self._save_if_due()

    def failed(self, error: BaseException) -> tuple[Any, ...]:
        """The answer for an exception."""
        if isinstance(error, Interrupted):
            return (Say.CANCELLED, error.args[0])
        return (Say.FAILED, failures.capture(error, HERE))

    def call_above(self, method: int, args: Any) -> Any:
        """Run a call while the task on this thread waits; returns its answer."""
        try:
            function = self._methods[method]
            return self.tasks.answer(function(*args) if type(args) is tuple else self.tasks.run(function, args))
        except BaseException as error:
            return self.failed(error)

    # ---- notes

    def note(self, kind: int, body: Any) -> None:
        """Obey a note of the client."""
        if kind == Ask.RETURNED:
            self._returning = 0
            self._skip.clear()
        elif kind == Ask.BIND:
            self._bind(body)
        elif kind == Ask.SAVE:
            self._save_now()
        else:
            self.tasks.note(kind, body)

    def _bind(self, binding: dict[str, Any]) -> None:
        from flamepy.runtime.tasks import Tasks

        try:
            binding = self.host.complete(binding)
        except Exception as error:
            self.out.append((Say.BROKEN, failures.capture(error, HERE)))
            return
        self._elastic = binding["elastic"]
        self._checkpoint = binding["checkpoint"]
        if self._checkpoint:
            checkpoint.enter(self._save_soon)
        self._timed = binding["timed"]
        self.target = Target(binding)
        self.tasks = Tasks(self, binding)
        self.running = self.host.progress_cell(binding)
        self._writers = out, err = output.capture(self._print)
        self._unfinished = out.unfinished, err.unfinished
        try:
            self._methods = self.target.create()
        except BaseException as error:
            self.out.append((Say.BROKEN, failures.capture(error, HERE)))
        else:
            self.out.append((Say.READY, os.getpid()))
        self._finish_lines()
        self.flush()

    # ---- answering

    def flush(self) -> None:
        """Send what is to be said."""
        out = self.out
        if not out:
            return
        if self._busy_since:
            self._add_spent()
        with self, self._sending:
            while out:
                batch = out[:ANSWERS]
                del out[: len(batch)]
                try:
                    self._socket.sendall(pack(batch))
                except (BrokenPipeError, ConnectionResetError):
                    return  # the client is gone; the next receive says so

    def _add_spent(self) -> None:
        now = perf_counter()
        self.out.append((Say.SPENT, now - self._busy_since))
        self._busy_since = now

    def late(self) -> None:
        """See that answers leave soon even if a task does not end."""
        if not self._late_started:
            self._late_started = True
            _thread.start_new_thread(self._flush_late, ())
        if self._late.locked():
            self._late.release()

    def _flush_late(self) -> None:
        while True:
            self._late.acquire()
            sleep(MOMENT)
            self.flush()
            if self.running[0]:  # a long task: look again until it ends
                self._late_again()

    def _late_again(self) -> None:
        while self.running[0]:
            sleep(5 * MOMENT)
            self.flush()

    def _print(self, stream: str, text: str) -> None:
        self.out.append((Say.LOG, stream, text))
        if stream == "stderr":  # these may be the last words of this process
            self.flush()
        else:
            self.late()

    def _finish_lines(self) -> None:
        for writer in self._writers:
            writer.finish()

    # ---- interruption

    def ring(self, _signal_number: int, _frame: object) -> None:
        """SIGINT: read what it is about, and interrupt the running task if it is meant."""
        self._rung = True
        if self._ringing:  # it rang again while we were looking: raised here, it would cut that off in the middle
            return
        self._ringing = True
        interrupt = None
        if self._owed is not None and self._owed[0] == self.running[0]:
            interrupt = self._owed[1]
        self._owed = None
        while self._rung:
            while self._rung:
                self._rung = False
                interrupt = self._listen() or interrupt
            self._ringing = False  # if it rang since the last look, nobody has listened: look again
            self._ringing = self._rung
        if interrupt and self._shields:
            self._owed = self.running[0], interrupt
            if self._shields:  # else the thread that put it off has left at this moment, and saw nothing owed
                return
            self._owed = None
        if interrupt:
            raise Interrupted(interrupt)

    def _listen(self) -> str | None:
        """Obey all that the client has rung for; says why the running task is to be interrupted, if it is."""
        interrupt = None
        while True:
            try:
                data = self._bell.recv(BELL)
            except BlockingIOError:
                return interrupt
            if len(data) < BELL:
                return interrupt
            why, sequence = WHY.get(data[:1], ""), int.from_bytes(data[1:], "little")
            if not why:
                self.hand_back()
            elif sequence == self.running[0]:
                interrupt = why
            elif sequence > self._sequence:
                self._skip[sequence] = why

    def hand_back(self) -> None:
        """Give the calls behind the running one back to the client: another executor may be free.

        Only while a task runs, because between two tasks it is unsettled which was the last one taken.
        """
        if not self._elastic or not self.running[0]:
            return
        if self._returning:
            return
        self._returning = 1
        self.out.append((Say.HAND_BACK, self.running[0]))
        for _call in zip(self._rest, self._rest, strict=False):  # notes come first, so only calls are left
            self.drops_call()
        kept = [message for message in (self._notes_of(m) for m in self.inbox) if message]
        self.inbox.clear()
        self.inbox.extend(kept)
        self.late()

    def _notes_of(self, message: list[Any]) -> list[Any]:
        pairs = zip(message[::2], message[1::2], strict=True)
        return [part for method, body in pairs if method < 0 or not self.drops_call() for part in (method, body)]

    def drops_call(self) -> bool:
        """Count a call that the client takes back; False when calls are to be run."""
        self._sequence += self._returning
        return bool(self._returning)

    def forked(self) -> None:
        """A task has forked this process: its copy is no executor, and prints by way of the pipe."""
        self.out = []
        self._late_started = True
        self._socket.close()
        self._bell.close()
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        output.restore()

    def leave(self, status: int) -> NoReturn:
        """Stands for ``os._exit`` in tasks: what is finished and printed leaves before the process ends."""
        self._finish_lines()
        self.flush()
        self.exit_now(status)

    def finish(self) -> None:
        """The client wants nothing more: coroutines and streams may clean up."""
        if self._methods:
            self.tasks.close()
        self.flush()

    # ---- checkpoints

    def _save_if_due(self) -> None:
        self._unsaved += 1
        if self._checkpoint and self._unsaved >= self._checkpoint and not self.tasks.unfinished():
            self._save()

    def _save_soon(self) -> None:
        """The object wishes it: when the call that runs is done, or else coroutines and streams are."""
        self._unsaved = self._checkpoint or 0

    def _save_now(self) -> None:
        if self.tasks.unfinished():
            self.out.append((Say.STATE, None, None))
        else:
            self._save()

    def _save(self) -> None:
        self._unsaved = 0
        try:
            state = self.tasks.state_of(self.target.instance)
        except Exception as error:
            self.out.append((Say.STATE, None, failures.capture(error, HERE)))
        else:
            self.out.append((Say.STATE, state, None))


def main(data: int, bell: int, host: Host) -> None:
    """Run an executor on inherited descriptors until its client is gone."""
    import atexit
    import faulthandler

    faulthandler.enable()
    executor = Executor(data, bell, host)
    _signal.signal(_signal.SIGINT, executor.ring)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGINT,))  # a carrier may have had it wait until now
    executor.ring(0, None)  # where SIGINT was ignored until now, it may have rung unheard
    os.register_at_fork(after_in_child=executor.forked)
    os._exit = executor.leave
    executor.run()
    executor.finish()
    atexit._run_exitfuncs()
