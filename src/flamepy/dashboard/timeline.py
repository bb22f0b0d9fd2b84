"""The picture of a session: a lane for each executor, a bar for each task, and the queue above them."""

from __future__ import annotations

import heapq
import re
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from flamepy.model.lifecycle import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flamepy.model.snapshot import TaskRecord

LANES_SHOWN = 24
"""Executors with a lane of their own; those that ran least share the last one."""

_LABEL, _RIGHT = 92, 10
_QUEUE, _LANE, _BAR, _AXIS = 44, 20, 14, 24
_NARROW = 560
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_HOUR = 3600.0
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Bar(NamedTuple):
    """One task, or several that no eye could tell apart.

    Attributes:
        start: When it began, seconds since the epoch.
        end: When it ended, or now.
        state: The state that all of them have.
        tasks: How many they are.
        label: What is shown when one points at it.
    """

    start: float
    end: float
    state: str
    tasks: int
    label: str


def draw(tasks: Sequence[TaskRecord], *, total: int, now: float, width: int = 960) -> str:
    """Return the picture as SVG; its colours come from the page's style sheet, by classes.

    Args:
        tasks: The newest of the session, in any order.
        total: How many tasks there are.
        now: Seconds since the epoch; what runs is drawn up to here, in steps so that the picture can be kept a while.
        width: In pixels.

    Example:
        >>> draw([], total=0, now=0.0).startswith("<svg")
        True
    """
    begun = [each for each in tasks if _start(each) is not None]
    if not begun:
        return _frame(width, 60, "No task has started yet", [_text(width / 2, 34, "No task has started yet", "middle")])
    first = min(moment for each in begun for moment in (_start(each), each.created) if moment is not None)
    running = any(each.ended is None for each in begun)
    last = max([first, *([now] if running else []), *(each.ended for each in begun if each.ended is not None)])
    scale = _Scale(first, max(last - first, 0.001), width)
    lanes = _lanes(begun, last, scale)
    height = _QUEUE + _LANE * len(lanes) + _AXIS
    parts = [*_grid(scale, height), *_queue(tasks, scale, last)]
    for row, (name, bars) in enumerate(lanes):
        parts += _lane(_QUEUE + row * _LANE, name, bars, scale)
    about = f"{len(begun)} of {total} tasks on {len(lanes)} executors in {_span(last - first)}"
    return _frame(width, height, about, parts)


class _Scale:
    """Moments to pixels."""

    def __init__(self, first: float, span: float, width: int) -> None:
        self.first, self.span, self.width = first, span, width
        self.left = 58 if width < _NARROW else _LABEL
        self.room = width - self.left - _RIGHT

    def x(self, moment: float) -> float:
        return self.left + (moment - self.first) / self.span * self.room

    @property
    def pixel(self) -> float:
        """Seconds in one pixel."""
        return self.span / self.room


def _begin(task: TaskRecord) -> float:
    """When a task that has begun did so."""
    begin = _start(task)
    return 0.0 if begin is None else begin


def _end(task: TaskRecord, last: float) -> float:
    return last if task.ended is None else task.ended


def _start(task: TaskRecord) -> float | None:
    if task.started is not None:
        return task.started
    waits = task.state == TaskState.PENDING.value or (task.state == TaskState.CANCELLED.value and not task.executor)
    return None if waits else task.created


def _lanes(tasks: Iterable[TaskRecord], last: float, scale: _Scale) -> list[tuple[str, list[Bar]]]:
    by_executor: dict[str, list[TaskRecord]] = {}
    for task in tasks:
        by_executor.setdefault(task.executor, []).append(task)
    if set(by_executor) == {""}:
        by_executor = _stacked(by_executor[""], last)
    elif len(by_executor) > LANES_SHOWN:
        busiest = heapq.nlargest(LANES_SHOWN - 1, by_executor, key=lambda name: len(by_executor[name]))
        others = [task for name, group in by_executor.items() if name not in set(busiest) for task in group]
        by_executor = {**{name: by_executor[name] for name in busiest}, "others": others}
    ordered = sorted(by_executor.items(), key=lambda lane: min(map(_begin, lane[1])))
    return [(name, list(_merged(group, last, scale))) for name, group in ordered]


def _stacked(tasks: list[TaskRecord], last: float) -> dict[str, list[TaskRecord]]:
    """Where nobody knows the executors: as many lanes as tasks ran at once."""
    lanes: dict[str, list[TaskRecord]] = {}
    free: list[tuple[float, str]] = []
    for task in sorted(tasks, key=_begin):
        if (free and free[0][0] <= _begin(task)) or len(lanes) >= LANES_SHOWN:
            _, name = heapq.heappop(free)
        else:
            name = f"lane {len(lanes) + 1}"
        lanes.setdefault(name, []).append(task)
        heapq.heappush(free, (_end(task, last), name))
    return lanes


def _merged(tasks: list[TaskRecord], last: float, scale: _Scale) -> Iterator[Bar]:
    """Yield bars of at least a pixel: what is closer together than that, with the same end, is one."""
    pending: Bar | None = None
    for task in sorted(tasks, key=_begin):
        start = _begin(task)
        bar = Bar(start, max(_end(task, last), start), task.state, 1, f"{task.method} {task.id}".strip())
        if (
            pending
            and pending.state == bar.state
            and bar.start - pending.end < scale.pixel
            and _small(pending, bar, scale)
        ):
            pending = pending._replace(end=max(pending.end, bar.end), tasks=pending.tasks + 1)
            continue
        if pending:
            yield pending
        pending = bar
    if pending:
        yield pending


def _small(left: Bar, right: Bar, scale: _Scale) -> bool:
    return max((left.end - left.start) / left.tasks, right.end - right.start) < 3 * scale.pixel


def _lane(top: float, name: str, bars: Iterable[Bar], scale: _Scale) -> Iterator[str]:
    room = 8 if scale.left < _LABEL else 12
    name_shown = name[:8] if _UUID.fullmatch(name) else name
    shown = name_shown if len(name_shown) <= room else f"{name_shown[: room - 1]}…"
    yield f"<g>{_title(name)}{_text(scale.left - 8, top + _LANE - 6, shown, 'end')}"
    for bar in bars:
        x = scale.x(bar.start)
        wide = max(1.0, scale.x(bar.end) - x)
        what = bar.label if bar.tasks == 1 else f"{bar.tasks} tasks"
        title = _title(f"{what}: {bar.state}, {_span(bar.end - bar.start)}")
        kind = quoteattr(f"bar {bar.state.lower()}")
        place = f'x="{x:.1f}" y="{top + (_LANE - _BAR) / 2:.0f}" width="{wide:.1f}" height="{_BAR}"'
        yield f'<rect class={kind} {place} rx="{min(2.0, wide / 2):.1f}">{title}</rect>'
    yield "</g>"


def _queue(tasks: Iterable[TaskRecord], scale: _Scale, last: float) -> Iterator[str]:
    """Yield how many tasks waited, as a filled line with a step for each pixel."""
    columns = int(scale.room) + 1
    changes = [0] * (columns + 1)
    for task in tasks:
        start = _start(task)
        left_queue = _end(task, last) if start is None else start
        created = left_queue if task.created is None else task.created
        begin, end = (int((moment - scale.first) / scale.pixel) for moment in (created, left_queue))
        if end > begin:
            changes[max(0, min(columns, begin))] += 1
            changes[max(0, min(columns, end))] -= 1
    waiting, levels = 0, []
    for change in changes[:columns]:
        waiting += change
        levels.append(waiting)
    most = max(levels, default=0)
    yield _text(scale.left - 8, _QUEUE - 14, "waiting", "end")
    if not most:
        return
    points = [f"M{scale.left} {_QUEUE - 8}"]
    before = -1
    for column, level in enumerate(levels):
        if level != before:
            points.append(f"H{scale.left + column}V{_QUEUE - 8 - 28 * level / most:.1f}")
            before = level
    points.append(f"H{scale.left + columns - 1}V{_QUEUE - 8}Z")
    yield f'<g>{_title(f"up to {most} tasks waited")}<path class="queue" d="{"".join(points)}"/></g>'
    yield _text(scale.left - 8, 16, f"{most}", "end")


def _grid(scale: _Scale, height: int) -> Iterator[str]:
    wanted = 4 if scale.width < _NARROW else 8
    step = next((each for each in _STEPS if scale.span / each <= wanted), None)
    step = step or _HOUR * max(1, round(scale.span / wanted / _HOUR))
    ticks = int(scale.span / step)
    for number in range(ticks + 1):
        x = scale.x(scale.first + number * step)
        yield f'<line class="grid" x1="{x:.1f}" y1="4" x2="{x:.1f}" y2="{height - _AXIS + 4}"/>'
        if x <= scale.width - 24 or not number:
            yield _text(x, height - 7, _span(number * step), "start" if number == 0 else "middle")


def _span(seconds: float) -> str:
    if not seconds:
        return "0"
    if seconds >= _HOUR:
        return (
            f"{int(seconds // _HOUR)} h {int(seconds % _HOUR // 60)} min"
            if seconds % _HOUR >= 60
            else f"{seconds / _HOUR:g} h"
        )
    if seconds >= 60:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s" if seconds % 60 >= 1 else f"{seconds / 60:g} min"
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1000:.3g} ms"


def _title(text: str) -> str:
    return f"<title>{_clean(text)}</title>"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_clean(text)}</text>'


def _clean(text: str) -> str:
    """XML has no way to say most control characters, not even escaped."""
    return escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text))


def _frame(width: int, height: int, about: str, parts: Iterable[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="timeline" {size} role="img" aria-label={quoteattr(about)}>'
    return "".join([head, *parts, "</svg>"])
