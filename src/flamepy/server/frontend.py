"""The Frontend service: requests in, changes of the book, messages out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import grpc
import grpc.aio

from flamepy.errors import EngineError
from flamepy.model.lifecycle import TERMINAL_TASK_STATES
from flamepy.server import replies
from flamepy.server.applications import check_shape
from flamepy.server.refusals import Refused, Why
from flamepy.wire import frontend as methods
from flamepy.wire.proto import frontend_pb2 as asked
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from flamepy.server.book import Book
    from flamepy.server.host.fleet import Fleet
    from flamepy.server.machine import Machine
    from flamepy.server.records import Task
    from flamepy.wire.rpc import Served

PATIENCE = 0.02
"""Seconds after which a watcher is told that a task runs, if it still does."""

CODES = {
    Why.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Why.EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Why.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Why.INTERNAL: grpc.StatusCode.INTERNAL,
}

Asked = TypeVar("Asked")
Told = TypeVar("Told")
Context = Any
"""A grpc.aio.ServicerContext; the stubs want its types, which say nothing here."""


class Frontend:
    """The 18 methods.

    Args:
        book: Sessions, tasks, applications.
        fleet: Executors.
        machine: The node.
    """

    def __init__(self, book: Book, fleet: Fleet, machine: Machine) -> None:
        self._book = book
        self._fleet = fleet
        self._machine = machine

    def served(self) -> Iterator[Served]:
        """Yield the methods, for `flamepy.wire.rpc.handlers`."""
        yield methods.REGISTER_APPLICATION.served(answering(self._register))
        yield methods.UNREGISTER_APPLICATION.served(answering(self._unregister))
        yield methods.UPDATE_APPLICATION.served(answering(self._update))
        yield methods.GET_APPLICATION.served(answering(self._get_application))
        yield methods.LIST_APPLICATION.served(answering(self._list_application))
        yield methods.LIST_EXECUTOR.served(answering(self._list_executor))
        yield methods.LIST_NODES.served(answering(self._list_nodes))
        yield methods.GET_NODE.served(answering(self._get_node))
        yield methods.CREATE_SESSION.served(answering(self._create_session))
        yield methods.DELETE_SESSION.served(answering(self._delete_session))
        yield methods.OPEN_SESSION.served(answering(self._open_session))
        yield methods.CLOSE_SESSION.served(answering(self._close_session))
        yield methods.GET_SESSION.served(answering(self._get_session))
        yield methods.LIST_SESSION.served(answering(self._list_session))
        yield methods.CREATE_TASK.served(answering(self._create_task))
        yield methods.GET_TASK.served(answering(self._get_task))
        yield methods.WATCH_TASK.served(self._watch_task)
        yield methods.LIST_TASK.served(self._list_task)

    # --- applications --------------------------------------------------------------------------------------------

    async def _register(self, request: asked.RegisterApplicationRequest) -> types.Result:
        _must_have(request, "application")
        check_shape(request.application)
        return await self._result(lambda: self._book.applications.register(request.name, request.application))

    async def _update(self, request: asked.UpdateApplicationRequest) -> types.Result:
        _must_have(request, "application")
        check_shape(request.application)
        return await self._result(lambda: self._book.applications.update(request.name, request.application))

    async def _unregister(self, request: asked.UnregisterApplicationRequest) -> types.Result:
        return await self._result(lambda: self._book.applications.unregister(request.name))

    async def _result(self, change: Callable[[], object]) -> types.Result:
        """Make a change of the applications; what the book refuses is told in the result, not in the status."""
        try:
            self._book.store.check()
            change()
            self._book.changes += 1
            await self._book.store.saved()
        except EngineError as error:
            return types.Result(return_code=-1, message=str(error))
        return types.Result(return_code=0)

    async def _get_application(self, request: asked.GetApplicationRequest) -> types.Application:
        return replies.application_message(self._book.applications.get(request.name))

    async def _list_application(self, _: asked.ListApplicationRequest) -> types.ApplicationList:
        return types.ApplicationList(
            applications=[replies.application_message(each) for each in self._book.applications.all()]
        )

    # --- the machine ---------------------------------------------------------------------------------------------

    async def _list_executor(self, _: asked.ListExecutorRequest) -> types.ExecutorList:
        node = self._machine.name
        executors = self._fleet.everyone()
        return types.ExecutorList(executors=[replies.executor_message(each, node) for each in executors])

    async def _list_nodes(self, _: asked.ListNodesRequest) -> types.NodeList:
        return types.NodeList(nodes=[replies.node_message(self._machine, self._fleet.used())])

    async def _get_node(self, request: asked.GetNodeRequest) -> asked.GetNodeResponse:
        if request.name != self._machine.name:
            raise Refused(Why.NOT_FOUND, f"node {request.name} not found")
        return asked.GetNodeResponse(node=replies.node_message(self._machine, self._fleet.used()))

    # --- sessions ------------------------------------------------------------------------------------------------

    async def _create_session(self, request: asked.CreateSessionRequest) -> types.Session:
        _must_have(request, "session")
        self._book.store.check()
        session = self._book.create_session(request.session_id, request.session)
        await self._book.store.saved()
        return replies.session_message(session)

    async def _open_session(self, request: asked.OpenSessionRequest) -> types.Session:
        spec = request.session if request.HasField("session") else None
        if spec is not None:
            self._book.store.check()
        session = self._book.open_session(request.session_id, spec)
        await self._book.store.saved()
        return replies.session_message(session)

    async def _close_session(self, request: asked.CloseSessionRequest) -> types.Session:
        session = self._book.close_session(request.session_id)
        await self._book.store.saved()
        return replies.session_message(session)

    async def _delete_session(self, request: asked.DeleteSessionRequest) -> types.Session:
        session = self._book.delete_session(request.session_id)
        await self._book.store.saved()
        return replies.session_message(session)

    async def _get_session(self, request: asked.GetSessionRequest) -> types.Session:
        return replies.session_message(self._book.session(request.session_id))

    async def _list_session(self, _: asked.ListSessionRequest) -> types.SessionList:
        return replies.session_list(self._book.sessions.values())

    # --- tasks ---------------------------------------------------------------------------------------------------

    async def _create_task(self, request: asked.CreateTaskRequest) -> types.Task:
        _must_have(request, "task")
        spec = request.task
        self._book.store.check()
        task = self._book.create_task(spec.session_id, spec.input if spec.HasField("input") else None)
        await self._book.store.saved()
        return replies.task_message(task, None, events=False)

    async def _get_task(self, request: asked.GetTaskRequest) -> types.Task:
        task = self._book.task(request.session_id, request.task_id)
        if task.state in TERMINAL_TASK_STATES:
            await self._book.store.saved()  # what a client saw as done stays done
        return await self._message(task)

    async def _watch_task(self, request: asked.WatchTaskRequest, context: Context) -> AsyncIterator[types.Task]:
        try:
            task = self._book.task(request.session_id, request.task_id)
        except EngineError as error:
            await refuse(context, error)
        changed = asyncio.Event()
        soon = asyncio.get_running_loop().call_later

        def tell() -> None:
            if task.state in TERMINAL_TASK_STATES:
                changed.set()
            else:  # a task that ends at once is told of once
                soon(PATIENCE, changed.set)

        seen = task.state
        task.watchers = [*(task.watchers or ()), tell]
        try:
            while task.state not in TERMINAL_TASK_STATES:
                await changed.wait()
                changed.clear()
                self._still_there(task.session.id)
                if task.state is not seen and task.state not in TERMINAL_TASK_STATES:
                    seen = task.state
                    yield await self._message(task)
            await self._book.store.saved()
            yield await self._message(task)
        except EngineError as error:
            await refuse(context, error)
        finally:
            task.watchers.remove(tell)

    async def _message(self, task: Task, *, events: bool = True) -> types.Task:
        return replies.task_message(task, await self._book.payloads.of(task), events=events)

    def _still_there(self, session: str) -> None:
        self._book.session(session)

    async def _list_task(self, request: asked.ListTaskRequest, context: Context) -> AsyncIterator[types.Task]:
        try:
            tasks = tuple(self._book.session(request.session_id).tasks.values())
            await self._book.store.saved()
        except EngineError as error:
            await refuse(context, error)
        for task in tasks:
            try:
                message = await self._message(task, events=False)
            except EngineError as error:
                await refuse(context, error)
            yield message


def answering(behaviour: Callable[[Asked], Awaitable[Told]]) -> Callable[[Asked, Context], Awaitable[Told]]:
    """Return a method that answers refusals with their status code."""

    async def answer(request: Asked, context: Context) -> Told:
        try:
            return await behaviour(request)
        except EngineError as error:
            await refuse(context, error)

    return answer


async def refuse(context: Context, error: EngineError) -> NoReturn:
    """End a request with the status code of a refusal."""
    code = CODES[error.why] if isinstance(error, Refused) else grpc.StatusCode.INTERNAL
    await context.abort(code, str(error)[:8000])
    raise AssertionError("abort() raises")


def _must_have(request: Any, field: str) -> None:
    if not request.HasField(field):
        raise Refused(Why.INVALID, f"the request has no {field}")
