"""FlameAsyncRunner: the asyncio twin. Calls are submitted at once; awaiting one gives its finished ObjectExpr."""

from __future__ import annotations

from flamepy.runner import FlameRunner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, overload

    from typing_extensions import Unpack

    from flamepy.async_service import AsyncFunctionService, AsyncRunnerService
    from flamepy.model.generic import P, R, T
    from flamepy.settings import ServiceSettings


class FlameAsyncRunner(FlameRunner):
    """Runs services like `FlameRunner`, for programs on an asyncio event loop.

    Works with ``async with`` and with plain ``with``. A call returns an awaitable and is submitted at once, awaited or
    not: ``expr = await service(1, 2)`` gives the finished ObjectExpr, whose ``get()`` never blocks; ``await expr``
    gives the value. Cancelling the asyncio task that awaits a call cancels the call.

    Calls use the event loop itself; only packing, uploading and cleaning up use a thread.

    Example:
        >>> async with FlameAsyncRunner("test") as runner:  # doctest: +SKIP
        ...     add = runner.service(sum_of_two)
        ...     print((await add(1, 2)).get())
        3
    """

    async def __aenter__(self) -> FlameAsyncRunner:
        """Pack, upload and connect on a thread; see `FlameRunner`.

        Raises:
            asyncio.CancelledError: Cancelled while entering: the step under way is finished, then all is undone.
        """
        import asyncio

        entering = asyncio.get_running_loop().run_in_executor(None, self._open)
        try:
            await asyncio.shield(entering)
        except asyncio.CancelledError:
            await asyncio.wait([entering])
            await asyncio.get_running_loop().run_in_executor(None, lambda: self._close(cancel=True))
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish (or stop) the tasks and clean up on a thread; the loop goes on meanwhile."""
        import asyncio

        if self._engine is not None:
            self._engine.attach(None)
        leaving = asyncio.get_running_loop().run_in_executor(None, lambda: self._close(cancel=kind is not None))
        try:
            await asyncio.shield(leaving)
        except asyncio.CancelledError:
            await asyncio.wait([leaving])
            raise

    def __enter__(self) -> FlameAsyncRunner:
        """Enter without an event loop's help; see `FlameRunner`."""
        self._open()
        return self

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def service(self, obj: type[T], **settings: Unpack[ServiceSettings]) -> AsyncRunnerService[T]: ...  # type: ignore[overload-overlap]

        @overload
        def service(self, obj: Callable[P, R], **settings: Unpack[ServiceSettings]) -> AsyncFunctionService[P, R]: ...

        @overload
        def service(self, obj: T, **settings: Unpack[ServiceSettings]) -> AsyncRunnerService[T]: ...

    def service(self, obj: Any, **settings: Any) -> Any:
        """Make a service whose calls can be awaited; the arguments are those of `FlameRunner.service`."""
        from flamepy.async_service import awaitable_service

        return awaitable_service(super().service(obj, **settings))
