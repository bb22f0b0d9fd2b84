"""The one future of flamepy: a slot for an outcome, filled by an engine on any thread.

It offers what `concurrent.futures.Future` does at a tenth of the cost: no lock, no condition and no import of
:mod:`concurrent.futures`, because pipelined calls create and drop one of these every microsecond. The outcome is a
single slot, so that setting it is atomic; everything that is not a plain value is an `Outcome`.

::

    PENDING ──► a plain value | Encoded (decoded on first use) | Failure | Stream (still growing)
"""

from __future__ import annotations

import _thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any, Protocol

    class Source(Protocol):
        """Who fills a completion: an engine's session or object store."""

        def wait(self, completion: Completion, timeout: float | None) -> bool:
            """Block until the completion is done; False if ``timeout`` seconds were not enough."""

        def watch(self, completion: Completion) -> None:
            """Somebody wants to be called back: see to it that progress needs no waiting thread."""

        def cancel(self, completion: Completion) -> bool:
            """Cancel the task; False if it is done already."""

        def settle(self, completion: Completion, outcome: object) -> None:
            """Complete it from outside, on any thread, and wake whoever waits for it."""

        def attach(self, loop: Any) -> None:
            """The completion is used on this asyncio loop, which may read for the engine from now on."""


class Outcome:
    """Anything in the outcome slot that is not a plain value."""

    __slots__ = ()

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return True

    def value(self, completion: Completion) -> Any:
        """Return the value, decoding it if need be, or raise the error."""
        raise NotImplementedError

    def error(self, completion: Completion) -> BaseException | None:
        """Return the error without raising it; None for a value."""
        return None


class Pending(Outcome):
    """There is no outcome yet."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "PENDING"


PENDING = Pending()

# Held for a few instructions when callbacks are added or fired, never while one runs.
_callbacks_lock = _thread.allocate_lock()

MOST_UNSEEN = 10
"""Errors of one kind of call that nobody looked at and that are all logged; of more only each power of ten."""

_unseen: dict[str, int] = {}  # by label, of this process; a service has as many labels as methods


class Completion:
    """A future: one outcome, who provides it, and who wants to know.

    Drivers call `complete`; users see the subclass `flamepy.ObjectExpr`.
    """

    # One object for a call instead of four: creating and collecting objects is most of what a call costs.
    __slots__ = (
        "__weakref__",
        "_callbacks",
        "_code",
        "_extra",
        "_method",
        "_offset",
        "_outcome",
        "_payload",
        "_source",
    )

    _outcome: Any
    _source: Source | None
    _callbacks: list[Callable[[Any], object]] | None
    _code: CodeType | None
    """The code that made the call, and with ``_offset`` the place in it."""
    _offset: int
    _method: int
    """For drivers: what is called,"""
    _payload: Any
    """with which encoded arguments (until there is an outcome),"""
    _extra: Any
    """and whatever else the driver needs; None for a plain call."""

    def __init__(self) -> None:
        self._outcome = PENDING
        self._source = self._callbacks = self._code = self._payload = self._extra = None
        self._method = self._offset = 0

    def done(self) -> bool:
        """Whether the task has ended: with a value, an error or a cancellation. Never blocks."""
        outcome = self._outcome
        return outcome is not PENDING and (not isinstance(outcome, Outcome) or outcome.ended)

    def complete(self, outcome: object) -> None:
        """Set the outcome and fire the callbacks; for drivers, once."""
        self._outcome = outcome
        if self._callbacks is not None:
            self.fire()

    def fire(self) -> None:
        """Run each callback once; an exception in one is logged and stops nothing."""
        with _callbacks_lock:
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            try:
                callback(self)
            except Exception:
                import logging

                logging.getLogger("flamepy").exception("a done callback of %r failed", self)

    def when_done(self, callback: Callable[[Any], object]) -> None:
        """Call ``callback(self)`` once there is an outcome: now, or on the thread that sets it."""
        with _callbacks_lock:
            if self._callbacks is None:
                self._callbacks = [callback]
            else:
                self._callbacks.append(callback)
        if self._outcome is not PENDING:
            self.fire()

    def forget(self, callback: Callable[[Any], object]) -> None:
        """Take back a callback that has not been fired."""
        with _callbacks_lock:
            if self._callbacks is not None and callback in self._callbacks:
                self._callbacks.remove(callback)


class Failure(Outcome):
    """The task ended with an error; it logs itself if nobody ever looks.

    Args:
        build: Makes the exception, called at most once.
        label: Which call failed, for the log.
    """

    __slots__ = ("__weakref__", "_build", "_exception", "_label", "seen")

    def __init__(self, build: Callable[[], BaseException], label: str) -> None:
        self._build: Callable[[], BaseException] | None = build
        self._exception: BaseException | None = None
        self._label = label
        self.seen = False

    def error(self, completion: Completion | None) -> BaseException:
        """Return the exception; from now on it counts as seen."""
        self.seen = True
        return self.peek(completion)

    def peek(self, completion: Completion | None) -> BaseException:
        """Return the exception without marking it as seen."""
        if self._exception is None:
            assert self._build is not None
            self._exception, self._build = self._build(), None
            if completion is not None and completion._code is not None:
                _add_note(self._exception, f"called at {describe_site(completion._code, completion._offset)}")
        return self._exception

    def value(self, completion: Completion) -> Any:
        """Raise the exception."""
        error = self.error(completion)
        raise error.with_traceback(None)

    def report(self) -> None:
        """Log the error unless somebody has seen it."""
        if self.seen:
            return
        self.seen = True
        count = _unseen[self._label] = _unseen.get(self._label, 0) + 1
        if count > MOST_UNSEEN and str(count).strip("0") != "1":
            return
        import logging

        so_far = f" ({count:,} of these so far, not all are shown)" if count > MOST_UNSEEN else ""
        error = self.peek(None)
        text = "%s failed and nobody looked at its result%s: %s: %s"
        logging.getLogger("flamepy").error(text, self._label, so_far, type(error).__name__, error)

    def __del__(self) -> None:
        if not self.seen:
            try:
                self.report()
            except Exception:  # the interpreter may be half gone
                pass


class Encoded(Outcome):
    """A value as it travelled; decoded when somebody asks, then kept.

    Attributes:
        form: See `flamepy.serialization.codec`; passed on as it is when the value is an argument elsewhere.
        keep: Whatever has to live as long as this outcome, leases for example.
    """

    __slots__ = ("_decode", "_value", "form", "keep")

    def __init__(self, form: Any, decode: Callable[[Any], Any], keep: object = None) -> None:
        self.form = form
        self.keep = keep
        self._decode: Callable[[Any], Any] | None = decode
        self._value: Any = None

    def value(self, completion: Completion) -> Any:
        """Return the value; the same object every time."""
        decode = self._decode
        if decode is not None:
            self._value = decode(self.form)
            self._decode = None
        return self._value


def failure_of(error: BaseException, label: str = "a task") -> Failure:
    """Wrap an exception that was made on this side."""
    return Failure(lambda: error, label)


def describe_site(code: CodeType, offset: int) -> str:
    """Turn a call site (code object, instruction offset in bytes) into ``file:line in function``."""
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
    return f"{code.co_filename}:{line} in {code.co_name}"


def _add_note(error: BaseException, note: str) -> None:
    # Python 3.10 has no add_note, but tracebacks of later versions and our own output know the attribute.
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        notes.append(note)
    else:
        try:
            error.__notes__ = [note]  # type: ignore[attr-defined]
        except AttributeError:
            return
