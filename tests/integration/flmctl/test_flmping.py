"""flmping over a cluster, and without one."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.timeout(150)

TABLE = re.compile(
    r"^ (\S+)  (\d+) +Succeed  Completed on <.+> in <\d+> milliseconds with <(\d+)> memory$", re.MULTILINE
)


@pytest.mark.parametrize("endpoint", ["", "local://"])
def test_each_task_answers(flmping, endpoint):
    where = ["--endpoint", endpoint] if endpoint else []
    shown = flmping("-t", "5", "-m", "1m", "-d", "5", *where).stdout
    session = re.match(r"Session <(flmping-\w+)> was created in <\d+ ms>, start to run <5> tasks", shown)[1]
    rows = TABLE.findall(shown)
    assert [(name, number, size) for name, number, size in rows] == [
        (session, str(n), str(1 << 20)) for n in range(1, 6)
    ]
    assert re.search(r"^<5> tasks was completed in <\d+ ms>\.$", shown, re.MULTILINE)


@pytest.mark.parametrize(("endpoint", "tasks"), [("", 3000), ("local://", 20000)])
def test_a_throughput(flmping, endpoint, tasks):
    where = ["--endpoint", endpoint] if endpoint else []
    lines = flmping("-p", "-t", str(tasks), *where).stdout.splitlines()
    box = lines[lines.index("=" * 60) :]
    assert [len(line) for line in box] == [60] * 6
    facts = {line[:24].strip(): line[24:].strip() for line in box[1:-1]}
    assert facts["Succeeded"] == f"{tasks}/{tasks}"
    assert facts["Failed"] == "0"
    assert float(facts["Throughput (tasks/sec)"]) == pytest.approx(tasks / float(facts["Duration (s)"]), rel=0.01)


def test_the_session_is_closed_afterwards(flmping, flmctl):
    session = re.search(r"<(flmping-\w+)>", flmping("-t", "1", "-c", "hello", "-P", "2").stdout)[1]
    facts = flmctl("view", "-s", session).stdout
    assert "State:          Closed" in facts
    assert "Priority:       2" in facts


def test_a_failing_task_is_exit_code_1(flmping):
    done = flmping("-t", "1", "-m", "4096Pi", code=1)
    assert "Failed" in done.stdout


@pytest.mark.parametrize("arguments", [["-t", "-1"], ["-m", "much"], ["-r", "cpu=many"], ["-r", "disk=1"]])
def test_a_wrong_command_line(flmping, arguments):
    flmping(*arguments, code=2 if arguments[0] == "-t" else 1)


def test_ctrl_c_stops_what_runs(server, flmctl):
    command = [sys.executable, "-m", "flamepy.cli.pinging", "-t", "4", "-d", "600000", "--endpoint", server.endpoint]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        session = re.search(r"<(flmping-\w+)>", running.stdout.readline())[1]
        deadline = time.monotonic() + 60
        while " Running " not in flmctl("list", "-t", "--in", session).stdout:
            assert time.monotonic() < deadline
        running.send_signal(signal.SIGINT)
        assert "Traceback" not in running.stderr.read()
    assert running.returncode == 130
    assert "State:          Closed" in flmctl("view", "-s", session).stdout
