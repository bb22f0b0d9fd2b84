"""Tasks that are more than a call with small arguments: shared objects, coroutines, streams, calls from inside."""

from __future__ import annotations

from flamepy.completion import PENDING, Completion, Encoded
from flamepy.runtime import nested
from flamepy.serialization import codec, failures
from flamepy.serialization.codec import Decoder, Encoder
from flamepy.serialization.segments import LARGE
from flamepy.wire.frames import Ask, Say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from flamepy.runtime.coroutines import Coroutines
    from flamepy.runtime.loop import Executor
    from flamepy.serialization.segments import Part, Segment

MAX_KINDS = 256
"""Types of results that are remembered to be neither coroutines nor generators."""

FIRST_CREDIT = 16
"""Items of a stream that may be sent before the client asks for more."""


class Tasks:
    """What an executor needs beyond its main loop.

    Args:
        executor: The loop; answers are appended to its ``out``.
        binding: What the client sent with `Ask.BIND`.
    """

    def __init__(self, executor: Executor, binding: dict[str, Any]) -> None:
        self._executor = executor
        self._concurrency = binding["concurrency"]
        self._store = executor.host.store(binding)
        self._segments: dict[str, Segment] = {}
        self._owned: dict[str, Segment] = {}
        self._encoder = Encoder(self._store, _handed_over, main_by_value=False)
        self.decoder = Decoder(self._store, self._segment_of)
        self._ordinary: set[type] = {tuple, list, dict, set, frozenset}
        self._streams: dict[int, _Stream] = {}
        self._numbers = iter(range(1, 1 << 62))
        self._coroutines: Coroutines | None = None
        self.calls = nested.Calls(executor, self)
        nested.enter(self.calls)
        self._obey: dict[int, Callable[[Any], object]] = {
            Ask.ANSWER: lambda body: self.calls.answered(*body),
            Ask.ITEM: lambda body: self.calls.streams.item(*body),
            Ask.END: lambda body: self.calls.streams.end(*body),
            Ask.NESTED: lambda body: self.calls.run_nested(*body),
            Ask.CREDIT: lambda body: self._advance(*body),
            Ask.STOP_STREAM: self._stop_stream,
            Ask.FORGET: self._forget,
            Ask.REUSE: self._reuse,
            Ask.CANCEL_ASYNC: self._cancel_coroutine,
        }

    # ---- calls

    def run(self, method: Callable[..., Any], payload: Any) -> Any:
        """Run a call whose arguments are pickled, shared, or depend on other results."""
        if type(payload) is bytes:
            return _apply(method, codec.loads(payload))
        data, part, values = payload
        before = set(self._segments)
        try:
            result = _apply(method, self.decoder.shared(data, part, values))
            return _Reply(self.answer(result)) if not codec_plain(result) else result
        finally:
            result = None
            self._report_held(before)

    def _report_held(self, before: set[str]) -> None:
        """Tell the client which shared arguments the task kept a view of."""
        for name, segment in list(self._segments.items()):
            if name in before:
                continue
            if segment.uses:
                segment.on_free = self._release
                self._executor.out.append((Say.HELD, name))
            else:
                self._segments.pop(name, None)

    def _segment_of(self, part: Part) -> Segment:
        segment = self._segments.get(part[0])
        if segment is None:
            segment = self._segments[part[0]] = self._store.segment(part, _nothing)
        return segment

    def _release(self, segment: Segment) -> None:
        self._segments.pop(segment.name, None)
        self._executor.out.append((Say.RELEASED, segment.name))
        self._executor.late()

    # ---- answers

    def answer(self, result: Any) -> Any:
        """Encode a result that does not travel as it is; coroutines and generators become promises."""
        kind = type(result)
        if kind in self._ordinary:
            bulky = kind in codec.BULK and len(result) >= LARGE
            small = None if bulky else codec.dumps_small(result, main_by_value=False)
            return self.form_of(result) if small is None else (codec.PICKLED, small)
        if kind is _Reply:
            return result.reply
        if hasattr(kind, "__await__") and not isinstance(result, Completion):
            return (Say.PROMISE, self._start_coroutine(result))
        if hasattr(result, "gi_frame"):
            return (Say.STREAM, self._start_stream(result))
        if hasattr(result, "ag_frame"):
            return (Say.STREAM, self._start_async_stream(result))
        if len(self._ordinary) < MAX_KINDS:
            self._ordinary.add(kind)
        return self.form_of(result)

    def form_of(self, value: Any) -> Any:
        """Encode a value; Completions in it are replaced by their values first."""
        form, lease, found = self._encoder.value(value)
        if lease is not None:
            self._owned[lease.segment.name] = lease.segment
        if found:
            form = (*form[:3], [self.form_of_completion(c) for c in found]) if form[0] == codec.SHARED else form
        return form

    def form_of_completion(self, completion: Completion) -> Any:
        """The value of a call made from here, as it travels; waits for it."""
        if completion._outcome is PENDING:
            self.calls.wait(completion, None)
        outcome = completion._outcome
        if type(outcome) is Encoded:
            return outcome.form
        return self.form_of(outcome if codec_plain(outcome) else outcome.value(completion))

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Encode the arguments of a call made from here."""
        if not kwargs and all(codec_plain(a) for a in args):
            return args
        payload, lease, found = self._encoder.arguments(args, kwargs)
        if lease is not None:
            self._owned[lease.segment.name] = lease.segment
        if found:
            payload[2] = [self.form_of_completion(c) for c in found]
        return payload

    def state_of(self, instance: object) -> bytes:
        """Pickle the instance for a checkpoint."""
        return codec.dumps(instance)

    # ---- notes of the client

    def note(self, kind: int, body: Any) -> None:
        """Obey a note that is not the main loop's."""
        self._obey[kind](body)

    def _forget(self, names: list[str]) -> None:
        for name in names:
            self._store.forget(name)

    def _cancel_coroutine(self, number: int) -> None:
        if self._coroutines is not None:
            self._coroutines.cancel(number)

    def _reuse(self, names: list[str]) -> None:
        for name in names:
            segment = self._owned.pop(name, None)
            if segment is not None and not self._store.recycle(segment):
                self._executor.out.append((Say.DROPPED, name))

    def close(self) -> None:
        """Let what is under way clean up."""
        for stream in self._streams.values():
            stream.close()
        if self._coroutines is not None:
            self._coroutines.close()

    def unfinished(self) -> bool:
        """Whether a coroutine or a stream is under way, so that the state is not settled."""
        return bool(self._streams) or (self._coroutines is not None and self._coroutines.busy())

    # ---- streams

    def _start_stream(self, generator: Iterator[Any]) -> int:
        number = next(self._numbers)
        self._streams[number] = _Stream(generator)
        # The first items follow the answer that announces them.
        self._executor.inbox.appendleft([Ask.CREDIT, (number, FIRST_CREDIT)])
        return number

    def _start_async_stream(self, generator: Any) -> int:
        number = next(self._numbers)
        self._async_loop().stream(number, generator, FIRST_CREDIT)
        return number

    def _advance(self, number: int, credit: int) -> None:
        """Send up to ``credit`` more items; between two of them other calls may run."""
        stream = self._streams.get(number)
        if stream is None:
            if self._coroutines is not None:
                self._coroutines.credit(number, credit)
            return
        out = self._executor.out
        for _ in range(credit):
            self._executor.late()
            try:
                out.append((Say.ITEM, number, self.form_of(next(stream.generator))))
            except StopIteration:
                self._end_stream(number, None)
                return
            except BaseException as error:
                self._end_stream(number, self._executor.failed(error))
                return

    def _end_stream(self, number: int, reply: Any) -> None:
        self._streams.pop(number, None)
        self._executor.out.append((Say.END, number, reply))

    def _stop_stream(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream is not None:
            stream.close()
            self._executor.out.append((Say.END, number, (Say.CANCELLED, "cancel")))
        elif self._coroutines is not None:
            self._coroutines.cancel(number)

    # ---- coroutines

    def _start_coroutine(self, coroutine: Any) -> int:
        number = next(self._numbers)
        self._async_loop().start(number, coroutine)
        return number

    def _async_loop(self) -> Coroutines:
        if self._coroutines is None:
            from flamepy.runtime.coroutines import Coroutines

            self._coroutines = Coroutines(self._executor, self, self._concurrency)
        return self._coroutines


class _Reply:
    """A result that is encoded already."""

    __slots__ = ("reply",)

    def __init__(self, reply: Any) -> None:
        self.reply = reply


class _Stream:
    """A generator between two of its items."""

    __slots__ = ("generator",)

    def __init__(self, generator: Iterator[Any]) -> None:
        self.generator = generator

    def close(self) -> None:
        """Let the generator clean up after itself."""
        try:
            self.generator.close()  # type: ignore[attr-defined]
        except Exception as error:
            import sys

            sys.stderr.write(f"closing a stream failed: {failures.capture(error)[1]}\n")


def _apply(method: Callable[..., Any], decoded: Any) -> Any:
    if type(decoded) is tuple:
        return method(*decoded)
    return method(*decoded[0], **decoded[1])


def codec_plain(value: object) -> bool:
    """Whether a value travels as it is."""
    kind = type(value)
    return kind in codec.NUMBERS or (kind in codec.TEXTS and len(value) <= codec.SHORT)  # type: ignore[arg-type]


def _handed_over(_segment: Segment) -> None:
    """A segment with a result belongs to the client now; it says when it is free again."""


def _nothing(_segment: Segment) -> None:
    """The client owns this segment and knows when the call ended."""
