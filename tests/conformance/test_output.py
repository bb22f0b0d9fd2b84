"""What tasks print arrives at the client: whole lines, with their origin, before the result."""

from __future__ import annotations

import re
import sys

import pytest
from workshop import functions

import flamepy


def lines(text: str, name: str) -> list[str]:
    """The lines of a service without their prefix."""
    found = [re.fullmatch(rf"\({name} (\d+)\) (.*)", line) for line in text.splitlines()]
    assert all(found), text
    return [each.group(2) for each in found if each]


def test_prints_are_there_before_get_returns(runner, capsys):
    speak = runner.service(functions.speak, instances=1)
    for number in range(20):
        speak(f"line {number}").get()
        assert lines(capsys.readouterr().out, "speak") == [f"line {number}"]


def test_all_prints_of_a_burst_are_there(runner, capsys):
    speak = runner.service(functions.speak, instances=1)
    flamepy.get([speak(f"line {number}") for number in range(500)])
    assert lines(capsys.readouterr().out, "speak") == [f"line {number}" for number in range(500)]


def test_stderr_goes_to_stderr(runner, capsys):
    def complain():
        print("out")
        print("err", file=sys.stderr)

    runner.service(complain)().get()
    captured = capsys.readouterr()
    assert lines(captured.out, "complain") == ["out"]
    assert lines(captured.err, "complain") == ["err"]


def test_the_prefix_has_the_services_name_and_the_process(runner, capsys):
    def speak():
        import os

        print("hello")
        return os.getpid()

    pid = runner.service(speak, name="parrot")().get()
    assert capsys.readouterr().out == f"(parrot {pid}) hello\n"


def test_unfinished_and_odd_lines(runner, capsys):
    def speak():
        print("no newline", end="")

    def odd():
        sys.stdout.write("a\n\nb\rc\t\x00é😀\n")

    runner.service(speak)().get()
    runner.service(odd)().get()
    out = capsys.readouterr().out
    assert "no newline\n" in out
    assert "é😀" in out


def test_logs_can_be_switched_off(make_runner, capsys):
    with make_runner(show_logs=False) as runner:
        runner.service(functions.speak)("quiet").get()
    captured = capsys.readouterr()
    assert "quiet" not in captured.out + captured.err


def test_prints_of_a_failing_task(runner, capsys):
    def fail():
        print("before the end")
        raise ValueError("the end")

    with pytest.raises(ValueError, match="the end"):
        runner.service(fail)().get()
    assert lines(capsys.readouterr().out, "fail") == ["before the end"]


def test_prints_of_streams_and_coroutines(runner, capsys):
    def produce():
        for number in range(3):
            print(f"making {number}")
            yield number

    async def run():
        print("in a coroutine")

    assert runner.service(produce)().get() == [0, 1, 2]
    runner.service(run)().get()
    out = capsys.readouterr().out
    assert out.count("making") == 3
    assert "in a coroutine" in out


def test_the_same_line_of_many_executors_is_shown_once(runner, capsys, tmp_path):
    def meet_and_speak(folder, number):
        functions.meet(folder, number, 3)
        print("the same for all")

    service = runner.service(meet_and_speak, instances=3)
    flamepy.get([service(str(tmp_path), number) for number in range(3)], timeout=30)
    assert capsys.readouterr().out.count("the same for all") == 1


def test_the_same_line_of_one_executor_is_shown_each_time(runner, capsys):
    speak = runner.service(functions.speak, instances=1)
    flamepy.get([speak("again") for _ in range(3)])
    assert capsys.readouterr().out.count("again") == 3


def test_output_of_programs_that_a_task_starts(make_runner, capfd):
    def shout():
        import os

        os.system("echo from a program")

    with make_runner() as runner:
        runner.service(shout)().get()
    captured = capfd.readouterr()
    assert "from a program" in captured.out + captured.err
