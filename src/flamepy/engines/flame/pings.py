"""Many small tasks at once over one connection: what ``flmping`` measures.

All tasks are submitted concurrently, then each has a WatchTask stream of its own, thousands of them on one HTTP/2
connection, all on one asyncio loop.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar

from flamepy.engines.administration import Pinged
from flamepy.engines.flame.administrator import new_session_id
from flamepy.engines.flame.channel import CALL_SECONDS, OPTIONS, Address, credentials, explained
from flamepy.engines.flame.frontend import Frontend
from flamepy.engines.flame.records import ENDED_TASKS, event_records, requirement, task_record
from flamepy.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    import grpc.aio

    from flamepy.context import FlameContext
    from flamepy.engines.administration import PingOrder
    from flamepy.wire.proto import types_pb2 as types

R = TypeVar("R")

APPLICATION = "flmping"

AT_ONCE = 4096
"""Calls and streams that are open at the same time."""

_SUBMIT_SECONDS = 10 * CALL_SECONDS


class FlamePings:
    """A session of the application ``flmping``.

    Args:
        context: Where the cluster is.
        order: What to do.

    Raises:
        EngineUnavailable: Nobody answers.
        EngineError: The cluster refuses, or does not have the application.

    Example:
        >>> FlamePings(context, PingOrder(tasks=3)).run()[0].state  # doctest: +SKIP
        'Succeed'
    """

    def __init__(self, context: FlameContext, order: PingOrder) -> None:
        from flamepy.wire.proto import types_pb2

        self._address = Address.of(context)
        self._order = order
        self._frontend = Frontend.connect(context)
        self._frontend.get_application(APPLICATION)
        spec = types_pb2.SessionSpec(
            application=APPLICATION, priority=order.priority, batch_size=1, resreq=requirement(order.resources)
        )
        if order.common_data is not None:
            spec.common_data = json.dumps({"value": order.common_data}).encode()
        self.session: str = self._frontend.create_session(new_session_id(APPLICATION), spec).metadata.id
        self._open = True

    def run(self) -> list[Pinged]:
        """Submit all tasks at once, and return when the last one is done, in the order of their numbers.

        Raises:
            EngineUnavailable: The connection was lost.
            EngineError: The cluster refuses a task.
        """
        return asyncio.run(self._run())

    def close(self) -> None:
        """Close the session, and where the cluster can do that stop what still runs; idempotent."""
        if self._open:
            self._open = False
            from flamepy.engines.flame.desk import Desk

            try:
                if not Desk(self._frontend.channel).close_session(self.session):
                    self._frontend.close_session(self.session)
            finally:
                self._frontend.close()

    async def _run(self) -> list[Pinged]:
        import grpc
        import grpc.aio

        address = self._address
        if address.secure:
            channel = grpc.aio.secure_channel(address.target, credentials(address), options=OPTIONS)
        else:
            channel = grpc.aio.insecure_channel(address.target, options=OPTIONS)
        async with channel:
            calls = _Calls(channel, address, self.session, self._input())
            try:
                ids = await _together([calls.create() for _ in range(self._order.tasks)])
                return await _together([calls.finish(task) for task in sorted(ids, key=int)])
            except grpc.aio.AioRpcError as error:
                raise explained(error, address, "ping") from error

    def _input(self) -> bytes:
        return json.dumps({"duration": self._order.duration, "memory": self._order.memory}).encode()


class _Calls:
    """The calls of one session on an asyncio channel."""

    def __init__(self, channel: grpc.aio.Channel, address: Address, session: str, data: bytes) -> None:
        from flamepy.wire import frontend as methods
        from flamepy.wire.proto import frontend_pb2, types_pb2

        self._asked = frontend_pb2
        self._create = methods.CREATE_TASK.aio(channel)
        self._watch = methods.WATCH_TASK.aio(channel)
        self._get = methods.GET_TASK.aio(channel)
        self._metadata = address.metadata
        self._session = session
        self._task = types_pb2.TaskSpec(session_id=session, input=data)
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def create(self) -> str:
        """Submit one task and return its id."""
        async with self._gate:
            asked = self._asked.CreateTaskRequest(task=self._task)
            made = await self._create(asked, metadata=self._metadata, timeout=_SUBMIT_SECONDS, wait_for_ready=True)
            return made.metadata.id

    async def finish(self, task: str) -> Pinged:
        """Wait for one task."""
        async with self._gate:
            done = await self._last(task)
        state = task_record(done).state
        return Pinged(self._session, task, state, await self._output(done, state))

    async def _last(self, task: str) -> types.Task:
        asked = self._asked.WatchTaskRequest(session_id=self._session, task_id=task)
        async for seen in self._watch(asked, metadata=self._metadata):
            if task_record(seen).state in ENDED_TASKS:
                return seen
        # The stream may end without a word: the task has gone, or the cluster looked away.
        found = await self._ask(task)
        if task_record(found).state in ENDED_TASKS:
            return found
        raise EngineError(f"the cluster no longer tells of task {task} of session {self._session}, which is not done")

    async def _output(self, task: types.Task, state: str) -> str:
        if task.spec.HasField("output"):
            return _message(task.spec.output)
        if state in ("Failed", "Cancelled"):
            events = event_records(task.status.events) or event_records(
                (await self._ask(task.metadata.id)).status.events
            )
            return events[-1].message if events else ""
        return ""

    async def _ask(self, task: str) -> types.Task:
        asked = self._asked.GetTaskRequest(session_id=self._session, task_id=task)
        return await self._get(asked, metadata=self._metadata, timeout=CALL_SECONDS)


async def _together(coroutines: Iterable[Coroutine[Any, Any, R]]) -> list[R]:
    """Run them all; the first failure ends the others."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _message(output: bytes) -> str:
    try:
        told = json.loads(output)
    except ValueError:
        return output.decode("utf-8", "replace")
    return str(told.get("message", told)) if isinstance(told, dict) else str(told)
