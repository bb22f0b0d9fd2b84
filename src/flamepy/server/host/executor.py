"""The life of one executor: install, start, enter the session, run tasks, leave, end."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from typing import TYPE_CHECKING, Any

import grpc.aio

from flamepy.errors import EngineError
from flamepy.model.lifecycle import ExecutorEvent, SessionState, TaskEvent, TaskState
from flamepy.serialization.lodgings import sweep
from flamepy.server.host.environment import Place, command_line, compose
from flamepy.server.host.instance import Instance
from flamepy.server.host.process import Process, start
from flamepy.server.records import Executor

if TYPE_CHECKING:
    from flamepy.server.host.workplace import Workplace
    from flamepy.server.records import Application, Session, Task
    from flamepy.wire.proto import types_pb2 as types

INSTALL_FAILED, SPAWN_FAILED, ENTER_FAILED = 10, 11, 12
"""Why an executor could not be bound."""

MAX_OUTPUT = 4 * 1024 * 1024 - 4096
"""Larger outputs could not be sent to a client of Flame."""


class _NotBound(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class HostExecutor:
    """One process that serves one session, and what drives it.

    Args:
        session: The session.
        workplace: What all executors share.
    """

    def __init__(self, session: Session, workplace: Workplace) -> None:
        self._session = session
        self._with = workplace
        self._book = workplace.book
        self.record = Executor(str(uuid.uuid4()), session, self._book.clock(), self.stop)
        self._process: Process | None = None
        self._instance: Instance | None = None
        self._stopping = asyncio.Event()
        self._waiting: asyncio.Future[Task | None] | None = None
        self._cancelled = False
        self._place = self._find_place()

    def stop(self) -> None:
        """End after the task that runs, or at once if there is none."""
        self._stopping.set()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def cancel_task(self) -> None:
        """Stop the task that runs, which is on the books as cancelled, and the process with it."""
        self._cancelled = True
        self._stopping.set()
        if self._instance is not None:
            self._instance.cancel()

    async def live(self) -> None:
        """Everything from the first step to the last; returns when nothing is left."""
        record = self.record
        try:
            record.take(ExecutorEvent.STARTED)
            if await self._bind():
                record.take(ExecutorEvent.READY)
                self._session.failures = 0
                await self._work()
        finally:
            if not record.leaving:
                record.take(ExecutorEvent.RELEASE)
            self._book.changes += 1
            await self._end()
            record.take(ExecutorEvent.ENDED)

    # --- bind ----------------------------------------------------------------------------------------------------

    async def _bind(self) -> bool:
        bound = asyncio.ensure_future(self._try_to_bind())
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([bound, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not bound.done():
                return False
            bound.result()
        except _NotBound as error:
            self._book.not_bound(self._session, error.code, str(error))
            self._with.logs.line(self._session.id, self.record.id, f"cannot be bound: {error}")
            return False
        finally:
            for each in (bound, stopped):
                each.cancel()
            await asyncio.wait([bound, stopped])
        return True

    async def _try_to_bind(self) -> None:
        application = self._book.applications.get(self._session.spec.application)
        try:
            installed = await self._with.installer.install(application)
        except EngineError as error:
            raise _NotBound(INSTALL_FAILED, str(error)) from error
        self._process = await self._spawn(application, installed)
        self.record.pid = self._process.pid
        self._instance = Instance(self._place.socket, self._process)
        try:
            result = await self._instance.enter(self._session, application)
        except grpc.aio.AioRpcError as error:
            raise _NotBound(ENTER_FAILED, error.details() or error.code().name) from error
        except asyncio.CancelledError:
            if not self._process.ended.done():
                raise
            await self._process.last_lines()
            raise _NotBound(SPAWN_FAILED, self._process.how_it_ended()) from None
        if result.return_code:
            raise _NotBound(ENTER_FAILED, result.message or f"OnSessionEnter returned {result.return_code}")

    async def _spawn(self, application: Application, installed: dict[str, str]) -> Process:
        if not application.spec.command:
            raise _NotBound(SPAWN_FAILED, f"application {application.name} has no command")
        environment = compose(application, self._place, self._with.endpoints, installed)
        try:
            for folder in (self._place.folder, self._place.temporary, self._place.socket.parent):
                folder.mkdir(parents=True, exist_ok=True)
            command = command_line(application, environment)
            return await start(command, environment, self._place.folder, self._printed, self._with.reaper)
        except (OSError, ValueError) as error:
            raise _NotBound(SPAWN_FAILED, f"cannot start {application.spec.command}: {error}") from error

    # --- work ----------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while (task := await self._next()) is not None:
            self.record.task = task
            self._book.start_task(task, self.record.id)
            started = self._with.logs.size(self._session.id)
            await self._run(task)
            self.record.task = None
            task.log = (started, self._with.logs.size(self._session.id))

    async def _next(self) -> Task | None:
        """Wait for the next task; None when there is nothing more to do here."""
        assert self._process
        if self._stopping.is_set() or self._process.ended.done():
            return None
        if (task := self._book.next_task(self._session)) is not None:
            return task
        waiting = self._waiting = asyncio.get_running_loop().create_future()
        self._session.idle.append(waiting)
        self._book.wake()  # somebody may need the room
        try:
            await self._wait_for_task(waiting)
        finally:
            if not waiting.done():
                waiting.set_result(None)
            if waiting in self._session.idle:
                self._session.idle.remove(waiting)
            self._waiting = None
        handed: Task | None = waiting.result()
        if handed is not None and self._process.ended.done():
            self._book.put_back(handed)
            return None
        return handed

    async def _wait_for_task(self, waiting: asyncio.Future[Task | None]) -> None:
        assert self._process
        application = self._book.applications.get(self._session.spec.application)
        delay: float = max(0, application.spec.delay_release)
        either: list[asyncio.Future[Any]] = [waiting, self._process.ended]
        while not any(each.done() for each in either):
            done, _ = await asyncio.wait(either, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            if done or not self._is_kept():
                return
            delay = max(delay, 1.0)

    def _is_kept(self) -> bool:
        """Whether it stays although it has nothing to do."""
        staying = sum(not each.leaving for each in self._session.executors.values())
        return self._session.state is SessionState.OPEN and staying <= self._session.spec.min_instances

    async def _run(self, task: Task) -> None:
        assert self._process
        try:
            result = await self._invoke(task)
        except EngineError as error:
            self._ended(task, TaskEvent.FAIL, message=str(error))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                self.stop()
            await self._failed(task, error.details() or error.code().name)
        except asyncio.CancelledError:
            if self._cancelled:
                return
            if not self._process.ended.done():
                raise
            await self._failed(task, "its executor was stopped")
        else:
            output = result.output if result.HasField("output") else None
            self._answered(task, result.return_code, output, result.message)

    async def _invoke(self, task: Task) -> types.TaskResult:
        assert self._instance
        given = await self._book.payloads.of(task)
        if self._cancelled:
            raise asyncio.CancelledError
        return await self._instance.invoke(task, given.input)

    def _answered(self, task: Task, code: int, output: bytes | None, message: str) -> None:
        if code:
            text = message or f"the service returned {code} without a message"
            self._ended(task, TaskEvent.FAIL, message=text)
        elif output is not None and len(output) > MAX_OUTPUT:
            text = (
                f"its output of {len(output)} bytes is too large to send (at most {MAX_OUTPUT}): use the object cache"
            )
            self._ended(task, TaskEvent.FAIL, message=text)
        else:
            self._ended(task, TaskEvent.SUCCEED, output)

    def _ended(self, task: Task, event: TaskEvent, output: bytes | None = None, message: str = "") -> None:
        if task.state is TaskState.RUNNING:  # and not cancelled in the meantime
            self._book.end_task(task, event, output, message)

    async def _failed(self, task: Task, text: str) -> None:
        assert self._process
        await asyncio.wait([self._process.ended], timeout=0.2)  # a dying process closes its socket before it ends
        if self._process.ended.done():
            self.stop()
            await self._process.last_lines()
            text = self._process.how_it_ended()
        self._ended(task, TaskEvent.FAIL, message=text)

    # --- end -----------------------------------------------------------------------------------------------------

    async def _end(self) -> None:
        if self._instance is not None:
            if self._process and not self._process.ended.done() and not self._cancelled:
                await self._instance.leave()
            await self._instance.close()
        if self._process is not None:
            await self._process.stop()
        await asyncio.to_thread(self._clean)

    def _clean(self) -> None:
        self._place.socket.unlink(missing_ok=True)
        shutil.rmtree(self._with.folder_of(self.record.id), ignore_errors=True)
        if self._process is not None and self._process.ended.result():  # it may not have cleaned up behind itself
            sweep()

    def _find_place(self) -> Place:
        own = self._with.folder_of(self.record.id)
        name = self._session.spec.application
        asked = ""
        if name in self._book.applications:
            asked = self._book.applications.get(name).spec.working_directory
        return self._with.place(self.record.id, asked, own)

    def _printed(self, stream: int, text: str) -> None:
        self._with.logs.line(self._session.id, self.record.id, text, stream)
