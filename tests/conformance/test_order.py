"""An instance runs its tasks in the order in which each client submitted them."""

from __future__ import annotations

import threading

from workshop import classes, functions

import flamepy


def test_ten_thousand_calls_in_order(runner):
    log = runner.service(classes.Log)
    for number in range(10_000):
        log.write(number)
    assert log.read().get() == list(range(10_000))


def test_calls_of_all_sizes_in_order(runner):
    log = runner.service(classes.Log)
    expected = []
    for number in range(300):
        entry = {0: number, 1: str(number) * 700, 2: [number], 3: bytes([number % 256]) * 70_000}[number % 4]
        log.write(entry)
        expected.append(entry)
    assert log.read().get() == expected


def test_with_and_without_options_in_order(runner):
    log = runner.service(classes.Log)
    for number in range(200):
        (log.write.options(timeout=30) if number % 3 == 0 else log.write)(number)
        log.write(entry=-number)
    assert log.read().get() == [sign * number for number in range(200) for sign in (1, -1)]


def test_a_call_that_waits_for_an_argument_keeps_its_place(runner, tmp_path):
    wait, log = runner.service(functions.wait_for_file), runner.service(classes.Log)
    log.write(1)
    log.write(wait(str(tmp_path / "go")))
    log.write(2)
    done = log.read()
    (tmp_path / "go").touch()
    assert done.get() == [1, str(tmp_path / "go"), 2]


def test_a_failed_call_keeps_the_order_of_the_rest(runner):
    log = runner.service(classes.Log)
    fail = runner.service(functions.add)
    log.write(1)
    broken = log.write(fail(1, "x"))
    log.write(2)
    assert log.read().get() == [1, 2]
    assert isinstance(broken.exception(), flamepy.DependencyFailed)


def test_several_threads_each_in_order(runner):
    log = runner.service(classes.Log)

    def write(thread: int) -> None:
        for number in range(2_000):
            log.write((thread, number))

    threads = [threading.Thread(target=write, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    entries = log.read().get()
    assert len(entries) == 8_000
    for thread in range(4):
        assert [number for which, number in entries if which == thread] == list(range(2_000))


def test_waiting_threads_each_in_order(runner):
    log = runner.service(classes.Log)

    def write(thread: int) -> None:
        for number in range(200):
            log.write((thread, number)).get()

    threads = [threading.Thread(target=write, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    entries = log.read().get()
    for thread in range(4):
        assert [number for which, number in entries if which == thread] == list(range(200))
