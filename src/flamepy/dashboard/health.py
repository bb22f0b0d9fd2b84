"""``/healthz`` for whoever restarts servers, ``/metrics`` for whoever draws them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from flamepy.errors import EngineError
from flamepy.model.lifecycle import SessionState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from starlette.requests import Request

    from flamepy.dashboard.source import Source
    from flamepy.model.snapshot import SessionRecord, Snapshot

ANSWER_SECONDS = 5.0
"""A server that needs longer to say what it holds is not healthy."""

_HELD = frozenset({"objects", "bytes", "resident_objects", "resident_bytes"})
_WAITING = ("pending", "running")
_ENDED = ("succeed", "failed", "cancelled")


class Health:
    """How the server is doing, for machines.

    Args:
        source: The server.
        objects: What the object cache counts and holds, by name; None without one.
    """

    def __init__(self, source: Source, objects: Callable[[], Mapping[str, int]] | None = None) -> None:
        self._source = source
        self._objects = objects
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    def routes(self) -> list[Route]:
        """Return ``/healthz`` and ``/metrics``."""
        return [Route("/healthz", self.healthz), Route("/metrics", self.metrics)]

    async def healthz(self, _: Request) -> Response:
        """Say ok if the server can still say what it holds; tells nothing else, since anybody may ask."""
        try:
            await asyncio.wait_for(self._source.snapshot(), ANSWER_SECONDS)
        except (asyncio.TimeoutError, EngineError):
            return PlainTextResponse("unhealthy\n", status_code=503)
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    async def metrics(self, _: Request) -> Response:
        """Say everything that can be counted, in the text format of Prometheus."""
        registry = CollectorRegistry()
        registry.register(_Shown(await self._source.snapshot()))
        if self._objects is not None:
            registry.register(_Objects(self._objects()))
        body = generate_latest(registry) + generate_latest(self._process)
        return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Shown:
    """A snapshot, as Prometheus' library collects it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        shown = self._snapshot
        yield GaugeMetricFamily("flame_start_time_seconds", "When the server started.", value=shown.created)
        yield _states("flame_sessions", "Sessions by state.", (each.state for each in shown.sessions))
        yield _states("flame_executors", "Executors by state.", (each.state for each in shown.executors))
        yield GaugeMetricFamily("flame_applications", "Registered applications.", value=len(shown.applications))
        yield from _tasks(shown.sessions)
        for resource in ("cpu", "memory", "gpu"):
            name = "flame_node_memory_bytes" if resource == "memory" else f"flame_node_{resource}"
            capacity = GaugeMetricFamily(name, f"What each node has of {resource}.", labels=["node"])
            for node in shown.nodes:
                capacity.add_metric([node.name], getattr(node, resource))
            yield capacity


class _Objects:
    """An object cache, as Prometheus' library collects it."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        for name, count in self._counts.items():
            kind = GaugeMetricFamily if name in _HELD else CounterMetricFamily
            yield kind(f"flame_cache_{name}", f"Of the object cache: {name.replace('_', ' ')}.", value=count)


def _states(name: str, about: str, states: Iterable[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=["state"])
    for state, count in sorted(Counter(states).items()):
        family.add_metric([state], count)
    return family


def _tasks(sessions: Iterable[SessionRecord]) -> Iterator[Metric]:
    waiting: Counter[tuple[str, str]] = Counter()
    ended: Counter[tuple[str, str]] = Counter()
    for session in sessions:
        for word in _WAITING if session.state == SessionState.OPEN.value else ():
            waiting[session.application, word] += getattr(session, word)
        for word in _ENDED:
            ended[session.application, word] += getattr(session, word)
    labels = ["application", "state"]
    now = GaugeMetricFamily("flame_tasks", "Tasks that wait or run, by application.", labels=labels)
    done = CounterMetricFamily("flame_tasks_ended", "Tasks that have ended, by application.", labels=labels)
    for family, counts in ((now, waiting), (done, ended)):
        for (application, word), count in sorted(counts.items()):
            family.add_metric([application, word.capitalize()], count)
        yield family
