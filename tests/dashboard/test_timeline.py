"""The picture of a session."""

from __future__ import annotations

import re
import time
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from flamepy.dashboard.timeline import LANES_SHOWN, draw
from flamepy.model.snapshot import TaskRecord

SVG = "{http://www.w3.org/2000/svg}"
STATES = ["Pending", "Running", "Succeed", "Failed", "Cancelled"]


def task(number, begin, end, executor="e1", state="Succeed", **more):
    return TaskRecord(
        id=str(number),
        session="s",
        method="f",
        state=state,
        executor=executor,
        created=begin,
        started=begin,
        ended=end,
        **more,
    )


def bars(picture):
    return [each for each in ElementTree.fromstring(picture).iter(f"{SVG}rect")]


def test_a_bar_for_each_task_and_a_lane_for_each_executor():
    picture = draw([task(1, 0, 1), task(2, 1, 3, "e2", "Failed")], total=2, now=3.0, width=960)
    first, second = bars(picture)
    assert first.get("class") == "bar succeed"
    assert second.get("class") == "bar failed"
    assert float(second.get("width")) > 1.9 * float(first.get("width"))
    assert float(second.get("y")) > float(first.get("y"))
    assert first[0].text == "f 1: Succeed, 1 s"
    assert "2 of 2 tasks on 2 executors in 3 s" in picture


def test_what_runs_reaches_to_now():
    picture = draw([task(1, 0, 10), task(2, 0, None, "e2", "Running")], total=2, now=20.0)
    done, running = bars(picture)
    assert float(running.get("width")) > 1.9 * float(done.get("width"))


def test_many_tasks_make_a_small_picture_quickly():
    tasks = [task(n, n * 0.001, n * 0.001 + 0.0009, f"e{n % 4}") for n in range(20_000)]
    begin = time.perf_counter()
    picture = draw(tasks, total=100_000, now=30.0)
    assert time.perf_counter() - begin < 2
    assert len(picture) < 100_000
    assert sum(int(re.match(r"(\d+) tasks", each[0].text)[1]) for each in bars(picture)) == 20_000


def test_a_failure_among_many_is_seen():
    tasks = [task(n, n * 0.001, n * 0.001 + 0.0009, state="Failed" if n == 500 else "Succeed") for n in range(1000)]
    assert [each.get("class") for each in bars(draw(tasks, total=1000, now=1.0, width=300))].count("bar failed") == 1


def test_more_executors_than_lanes_share_the_last():
    tasks = [task(n, n, n + 1, f"e{n}") for n in range(100)]
    picture = draw(tasks, total=100, now=100.0)
    assert picture.count("<g><title>") <= LANES_SHOWN + 1
    assert "others" in picture


def test_without_executors_what_ran_at_once_lies_in_lanes():
    tasks = [task(n, n // 2, n // 2 + 1, "") for n in range(10)]
    picture = draw(tasks, total=10, now=5.0)
    assert "lane 2" in picture
    assert "lane 3" not in picture


def test_the_queue_is_drawn():
    waiting = [TaskRecord(id=str(n), session="s", method="f", state="Pending", created=1.0) for n in range(7)]
    picture = draw([task(1, 0, 5), *waiting], total=8, now=5.0)
    assert "up to 7 tasks waited" in picture


moments = st.one_of(st.none(), st.floats(0, 2e9, allow_nan=False))


@given(
    st.lists(st.tuples(st.sampled_from(STATES), st.text(max_size=8), moments, moments, moments), max_size=30),
    st.integers(280, 2000),
)
def test_every_picture_is_xml_without_markup_of_users(rows, width):
    tasks = [
        TaskRecord(
            id=name, session="s", method=name, state=state, executor=name, created=created, started=started, ended=ended
        )
        for state, name, created, started, ended in rows
    ]
    root = ElementTree.fromstring(draw(tasks, total=len(tasks), now=1e9, width=width))
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {"svg", "g", "title", "text", "rect", "line", "path"}
