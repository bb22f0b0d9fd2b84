"""Ask all engines, and find what a name or an id means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flamepy.cli.exits import note
from flamepy.cli.kinds import SESSION, TASK
from flamepy.errors import EngineError, FlameError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from flamepy.cli.kinds import Kind
    from flamepy.context import FlameContext
    from flamepy.engines.port import Inspector
    from flamepy.model.snapshot import SessionRecord, Snapshot, TaskRecord

_NEAREST = 3
_SHOWN = 5


class NotFound(FlameError):
    """Nothing, or more than one thing, has that name or id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which engines are meant, as the options say.

    Attributes:
        config: A flame.yaml instead of the one that is found.
        cluster: The name of a cluster in it.
        endpoint: An endpoint instead of that of the cluster.
    """

    config: Path | None = None
    cluster: str | None = None
    endpoint: str = ""

    def context(self) -> FlameContext:
        """The context that these options give.

        Raises:
            ConfigError: One of them is wrong.
        """
        from flamepy.context import FlameContext

        return FlameContext(source=self.config, cluster=self.cluster, endpoint=self.endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A record, and the engine that showed it."""

    inspector: Inspector
    snapshot: Snapshot
    record: Any


@dataclass(slots=True, kw_only=True)
class Survey:
    """What all engines show.

    Attributes:
        views: Each engine that answered and what it holds, running ones first.
        silent: Whether an engine did not answer.
    """

    views: list[tuple[Inspector, Snapshot]] = field(default_factory=list)
    silent: bool = False

    @property
    def live(self) -> bool:
        """Whether an engine is running."""
        return self.silent or any(snapshot.live for _, snapshot in self.views)

    def sights(self, kind: Kind) -> Iterator[Sight]:
        """Yield all records of one kind, running engines first; of those with the same name or id the first."""
        seen: set[object] = set()
        for inspector, snapshot in self.views:
            for record in getattr(snapshot, kind.plural):
                identity = (record.session, record.id) if kind is TASK else kind.name(record)
                if identity not in seen:
                    seen.add(identity)
                    yield Sight(inspector=inspector, snapshot=snapshot, record=record)

    def find(self, kind: Kind, wanted: str) -> Sight:
        """Return the record that has this name or id, or the only one that begins so.

        Among several that begin so, one of a running engine is meant if it is the only such one.

        Raises:
            NotFound: There is none, or more than one.
        """
        return _only(kind, wanted, list(self.sights(kind)))

    def session(self, wanted: str) -> Sight:
        """Return the session that has this id, or the only one that begins so.

        Raises:
            NotFound: There is none, or more than one.
        """
        return self.find(SESSION, wanted)

    def task(self, session: Sight, wanted: str) -> TaskRecord:
        """Return a task of a session by its id, or by how only its id begins.

        Raises:
            NotFound: There is none, or more than one.
        """
        found = self.known_tasks(session.record) or session.inspector.tasks(session.record.id, wanted)
        tasks = [Sight(inspector=session.inspector, snapshot=session.snapshot, record=each) for each in found]
        task: TaskRecord = _only(TASK, wanted, tasks, of=f" of session {session.record.id}").record
        return task

    def known_tasks(self, session: SessionRecord) -> list[TaskRecord]:
        """Return those tasks of a session that came with the engines' answers; of a cluster that may be none."""
        return [each.record for each in self.sights(TASK) if each.record.session == session.id]

    def tasks(self, session: Sight) -> list[TaskRecord]:
        """Return what is known of a session's tasks."""
        return self.known_tasks(session.record) or list(session.inspector.tasks(session.record.id))


def take_survey(target: Target, *, history: bool = True, only: str = "") -> Survey:
    """Ask every engine; those that do not answer are named on stderr.

    Args:
        target: Which engines.
        history: Also those that have ended.
        only: What will be looked at, the plural of a kind; engines need not fetch the rest.

    Raises:
        FlameError: The options are wrong, or engines of that kind cannot be asked.
    """
    from flamepy.engines.select import inspectors

    survey = Survey()
    for inspector in inspectors(target.context(), history=history):
        try:
            survey.views.append((inspector, inspector.snapshot(only)))
        except EngineError as error:
            survey.silent = True
            note(str(error))
    return survey


def _only(kind: Kind, wanted: str, sights: Sequence[Sight], of: str = "") -> Sight:
    exact = [each for each in sights if kind.name(each.record) == wanted]
    if exact:
        return exact[0]
    alike = [each for each in sights if wanted and kind.name(each.record).startswith(wanted)]
    live = [each for each in alike if each.snapshot.live]
    for candidates in (alike, live):
        if len(candidates) == 1:
            return candidates[0]
    names = [kind.name(each.record) for each in live or alike or sights]
    raise NotFound(_several(kind, wanted, names, of) if alike else _none(kind, wanted, names, of))


def _several(kind: Kind, wanted: str, names: list[str], of: str) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{wanted!r} is how {len(names)} {kind.plural}{of} begin: {', '.join(names[:_SHOWN])}{more}; type more of it"


def _none(kind: Kind, wanted: str, names: list[str], of: str) -> str:
    from difflib import get_close_matches

    nearest = get_close_matches(wanted, names[:2000], n=_NEAREST, cutoff=0.4)
    hint = f"the nearest: {', '.join(nearest)}" if nearest else f"'flmctl list {kind.flag}' shows those that there are"
    return f"there is no {kind.noun} {wanted!r}{of}; {hint}"
