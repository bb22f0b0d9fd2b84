"""flmctl as people and scripts run it: a process of its own, against an engine's real control socket."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml

from flamepy.engines.linked.inspection import places
from flamepy.engines.linked.inspection.control import ControlServer, handler_for
from flamepy.engines.linked.inspection.ended import record_end
from flamepy.engines.linked.inspection.session_log import SessionLog
from flamepy.errors import EngineError
from flamepy.model.application import flmrun
from flamepy.model.snapshot import (
    ExecutorRecord,
    NodeRecord,
    PackageRecord,
    SessionRecord,
    Snapshot,
    TaskRecord,
)

MESSAGE = "ValueError: \x1b[31mboom\nhere"
OPEN, BUSY, CLOSED = "flmrun-abc123", "flmrun-abd999", "flmrun-old777"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAMEPY_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("FLAMEPY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    for name in ("FLAME_ENDPOINT", "FLAME_CONFIG", "FLAME_CLUSTER", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


class Engine:
    """A made-up engine behind a real ControlServer."""

    def __init__(self):
        self.place = places.claim("1-a")
        self.log = SessionLog(f"{places.logs_root()}/{OPEN}.log")
        self.closed = []
        self.cancelled = []

    def snapshot(self):
        common = {"application": "flmrun", "created": 90000.0}
        return Snapshot(
            engine="1-a",
            endpoint="local://",
            pid=os.getpid(),
            live=True,
            created=90000.0,
            applications=(flmrun(90000.0),),
            sessions=(
                SessionRecord(
                    id=OPEN, name="add", state="Open", resources="cpu=1,mem=2Gi", pending=3, running=2, succeed=10,
                    failed=1, runner="test", reason="no executor fits gpu=2", log_path=self.log.path, **common,
                ),
                SessionRecord(id=BUSY, name="Counter", state="Open", resources="cpu=1", **common),
            ),
            tasks=(
                TaskRecord(id="1", session=OPEN, method="add", state="Succeed", executor="e1", created=90000.0),
                TaskRecord(id="2", session=OPEN, method="add", state="Failed", message=MESSAGE),
            ),
            executors=(ExecutorRecord(id="e1", state="Bound", session=OPEN, node="laptop", pid=77, created=90000.0),),
            nodes=(NodeRecord(name="laptop", hostname="laptop.lan", cpu=8, memory=1 << 34, arch="x86_64", os="linux"),),
            packages=(PackageRecord(name="test", url="file:///pkg/test.tar.gz", size=2048, sha256="a", created=9e4),),
        )  # fmt: skip

    def close_session(self, session):
        self.closed.append(session)
        self.log.close()

    def cancel_task(self, session, task):
        if task == "1":
            raise EngineError("task 1 is done already")
        self.cancelled.append((session, task))


@pytest.fixture
def engine():
    engine = Engine()
    server = ControlServer(engine.place.control_path, handler_for(engine))
    wake, stop = os.pipe()

    def loop():
        while wake not in select.select([server.fileno(), wake], [], [])[0]:
            server.handle_ready()

    thread = threading.Thread(target=loop)
    thread.start()
    yield engine
    os.write(stop, b"x")
    thread.join()
    server.close()
    engine.log.close()
    engine.place.release()
    os.close(wake)
    os.close(stop)


@pytest.fixture
def past():
    record_end(
        Snapshot(
            engine="0-z", endpoint="local://", pid=1, live=False, created=0.0,
            sessions=(SessionRecord(id=CLOSED, name="old", state="Closed", application="flmrun", resources="-",
                                    succeed=4, created=80000.0, ended=80001.0),),
            tasks=(TaskRecord(id="9", session=CLOSED, method="f", state="Failed", message="OSError: gone"),),
        )
    )  # fmt: skip


def command(*arguments):
    return [sys.executable, "-m", "flamepy.cli.main", *arguments]


def flmctl(*arguments, code=0):
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def table(*arguments):
    return flmctl(*arguments).stdout.splitlines()


def test_applications_have_the_columns_of_the_document(engine):
    assert table("list", "-a") == [
        " Name    State    Tags  Created     Shim  Command",
        " flmrun  Enabled        1970-01-02  Host  uv",
    ]


def test_sessions_open_first(engine, past):
    assert table("list", "-s") == [
        " ID             State   App     Resources      Priority  Pending  Running  Succeed  Failed  Created",
        " flmrun-abc123  Open    flmrun  cpu=1,mem=2Gi  0         3        2        10       1       1970-01-02",
        " flmrun-abd999  Open    flmrun  cpu=1          0         0        0        0        0       1970-01-02",
        " flmrun-old777  Closed  flmrun  -              0         0        0        4        0       1970-01-01",
    ]


def test_tasks(engine, past):
    assert table("list", "-t") == [
        " ID  Session        State    Method  Executor  Created",
        " 1   flmrun-abc123  Succeed  add     e1        1970-01-02",
        " 2   flmrun-abc123  Failed   add     -         -",
    ]
    assert [line.split()[0] for line in table("list", "-t", "--in", "flmrun-old")] == ["ID", "9"]
    assert [line.split()[0] for line in table("list", "-t", "--all")] == ["ID", "1", "2", "9"]


def test_executors_nodes_and_packages(engine):
    assert table("list", "-e") == [" ID  State  Session        Node", " e1  Bound  flmrun-abc123  laptop"]
    assert table("list", "-n") == [
        " NAME    HOSTNAME    STATUS  CPU  MEMORY  ARCH    OS",
        " laptop  laptop.lan  Ready   8    16Gi    x86_64  linux",
    ]
    assert table("list", "-p") == [
        " Name  State     Size  Created     URL",
        " test  Uploaded  2Ki   1970-01-02  file:///pkg/test.tar.gz",
    ]


@pytest.mark.parametrize(
    ("flag", "headings"),
    [
        ("--application", "Name State Tags Created Shim Command Max Description"),
        ("--session", "ID State App Resources Priority Pending Running Succeed Failed Created "
                      "Name Runner Cancelled Ended Reason"),
        ("--task", "ID Session State Method Executor Created Ended Message"),
        ("--executor", "ID State Session Node PID Created"),
        ("--node", "NAME HOSTNAME STATUS CPU MEMORY ARCH OS GPU"),
        ("--package", "Name State Size Created URL SHA256 Runner"),
    ],
)  # fmt: skip
def test_wide_adds_columns_on_the_right(engine, flag, headings):
    assert table("list", flag, "-o", "wide")[0].split() == headings.split()


def test_nothing_that_a_task_says_moves_the_cursor(engine):
    assert "\x1b" not in flmctl("list", "-t", "-o", "wide").stdout
    assert "ValueError: \N{REPLACEMENT CHARACTER}[31mboom" in flmctl("list", "-t", "-o", "wide").stdout


def test_programs_read_json_yaml_and_names(engine):
    nodes = json.loads(flmctl("list", "-n", "-o", "json").stdout)
    assert nodes == [
        {"name": "laptop", "hostname": "laptop.lan", "state": "Ready", "cpu": 8, "memory": 16 << 30, "gpu": 0,
         "arch": "x86_64", "os": "linux"}
    ]  # fmt: skip
    assert yaml.safe_load(flmctl("list", "-n", "-o", "yaml").stdout) == nodes
    assert table("list", "-s", "-o", "name") == [OPEN, BUSY]
    created = json.loads(flmctl("list", "-a", "-o", "json").stdout)[0]["created"]
    assert created == "1970-01-02T01:00:00.000Z"


def test_without_an_engine_there_is_a_header_and_a_hint():
    done = flmctl("list", "-a")
    assert done.stdout == " Name  State  Tags  Created  Shim  Command\n"
    assert "no engine is running" in done.stderr
    assert flmctl("list", "-e", "-o", "json").stdout == "[]\n"


def test_many_closed_sessions_are_cut_and_that_is_said():
    common = {"name": "f", "state": "Closed", "application": "flmrun", "resources": "-", "created": 1.0, "ended": 2.0}
    sessions = tuple(SessionRecord(id=f"s{number:03}", **common) for number in range(130))
    record_end(Snapshot(engine="e", endpoint="", pid=1, live=False, created=0.0, sessions=sessions))
    done = flmctl("list", "-s", "-o", "name")
    assert len(done.stdout.split()) == 100
    assert "30 older closed sessions are not shown; --all shows them" in done.stderr
    assert len(flmctl("list", "-s", "--all", "-o", "name").stdout.split()) == 130


def test_an_engine_that_does_not_answer_makes_the_answer_incomplete(past):
    place = places.claim("1-a")
    done = flmctl("list", "-s", code=1)
    assert CLOSED in done.stdout
    assert "engine 1-a did not answer" in done.stderr
    place.release()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["list"], "say what to list: -a (applications), -s (sessions)"),
        (["list", "-a", "-s"], "one kind at a time, not -a and -s"),
        (["list", "-a", "--in", "x"], "goes with -t"),
        (["list", "-x"], "No such option: -x"),
        (["list", "-a", "-o", "xml"], "xml"),
        (["view"], "say what to view"),
        (["view", "-a", "x", "-n", "y"], "one thing at a time, not -a and -n"),
        (["view", "-n", "x", "-t", "y"], "goes with -s"),
        (["package"], "add --dry-run"),
        (["completion", "tcsh"], "tcsh"),
        (["close"], "SESSION"),
        (["dance"], "dance"),
    ],
)
def test_a_wrong_command_line_is_2_and_says_what_to_type(arguments, hint):
    assert hint in flmctl(*arguments, code=2).stderr


def test_a_session_in_full(engine):
    assert table("view", "-s", OPEN) == [
        "Session:        flmrun-abc123",
        "Application:    flmrun",
        "State:          Open",
        "Resources:      cpu=1,mem=2Gi",
        "Creation Time:  1970-01-02",
        "Tasks:          3 pending, 2 running, 10 succeed, 1 failed",
        "Name:           add",
        "Runner:         test",
        "Priority:       0",
        "Cancelled:      0",
        "End Time:       -",
        "Waits For:      no executor fits gpu=2",
        f"Log:            {engine.log.path}",
        "Failures:",
        "  2: ValueError: \N{REPLACEMENT CHARACTER}[31mboom",
    ]


def test_a_session_in_full_for_programs(engine):
    data = json.loads(flmctl("view", "-s", "flmrun-abc", "-o", "json").stdout)
    assert (data["id"], data["engine"], [each["id"] for each in data["tasks"]]) == (OPEN, "1-a", ["1", "2"])


def test_other_things_in_full(engine):
    assert table("view", "-a", "flmrun")[7] == "Command:        uv"
    assert table("view", "-n", "lap")[1] == "Hostname:       laptop.lan"
    assert table("view", "-e", "e1")[1] == "State:          Bound"
    assert table("view", "-s", OPEN, "-t", "2")[-3:] == [
        "Message:", "  ValueError: \N{REPLACEMENT CHARACTER}[31mboom", "  here"
    ]  # fmt: skip
    assert flmctl("view", "-s", "flmrun-abc", "-o", "name").stdout == f"{OPEN}\n"


def test_an_id_may_be_cut_short_while_it_is_clear(engine, past):
    assert "flmrun-abc123, flmrun-abd999; type more" in flmctl("view", "-s", "flmrun-ab", code=1).stderr
    assert table("view", "-s", "flmrun-o")[0].endswith(CLOSED)


def test_what_is_not_there_is_1_and_the_nearest_are_named(engine):
    assert (
        "no session 'flmrun-abc124'; the nearest: flmrun-abc123" in flmctl("view", "-s", "flmrun-abc124", code=1).stderr
    )
    assert "'flmctl list -n' shows" in flmctl("view", "-n", "zzz", code=1).stderr
    assert "no task '7' of session flmrun-abc123" in flmctl("cancel", OPEN, "7", code=1).stderr


def test_sessions_are_closed(engine, past):
    assert flmctl("close", "flmrun-abc", BUSY).stdout.splitlines() == [
        "Session flmrun-abc123 was closed.",
        "Session flmrun-abd999 was closed.",
    ]
    assert engine.closed == [OPEN, BUSY]
    assert f"{CLOSED} is closed already" in flmctl("close", CLOSED, code=1).stderr


def test_one_that_cannot_be_closed_does_not_keep_the_others_open(engine):
    done = flmctl("close", "nothing", BUSY, code=1)
    assert done.stdout == "Session flmrun-abd999 was closed.\n"


def test_tasks_are_cancelled(engine):
    assert flmctl("cancel", OPEN, "2").stdout == "Task 2 of session flmrun-abc123 was cancelled.\n"
    assert engine.cancelled == [(OPEN, "2")]
    assert "task 1 is done already" in flmctl("cancel", OPEN, "1", code=1).stderr


def test_logs(engine):
    engine.log.write("one\ntwo\n", pid=77)
    engine.log.write("three", pid=78, stream="stderr")
    assert table("logs", "flmrun-abc") == ["(77) one", "(77) two", "(78) three"]
    assert table("logs", OPEN, "--tail", "1") == ["(78) three"]
    assert table("logs", OPEN, "--tail", "0") == []
    stamped = table("logs", OPEN, "-t")[0]
    assert stamped.endswith(" (77) one")
    assert stamped[:4] == time.strftime("%Y", time.gmtime())
    assert "keeps no log" in flmctl("logs", BUSY, code=1).stderr


def test_following_shows_what_comes_until_the_session_is_closed(engine):
    engine.log.write("one", pid=77)
    with subprocess.Popen(command("logs", "-f", OPEN), stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout.readline() == "(77) one\n"
        engine.log.write("two", pid=77)
        assert following.stdout.readline() == "(77) two\n"
        engine.log.close()
        assert following.stdout.read() == ""
    assert following.returncode == 0


def test_ctrl_c_is_130(engine):
    engine.log.write("one", pid=77)
    with subprocess.Popen(command("logs", "-f", OPEN), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        assert it.stdout.readline() == "(77) one\n"
        it.send_signal(signal.SIGINT)
        assert "Traceback" not in it.stderr.read()
    assert it.returncode == 130


def test_a_reader_that_has_gone_is_141_and_quiet(engine):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command("list", "-s"), stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_on_a_narrow_terminal_the_table_fits_and_what_is_missing_is_said(engine):
    shown = on_a_terminal(80, "list", "-s")
    assert "flmctl: no room for Priority, Resources; -o wide shows everything" in shown
    assert all(len(line) <= 80 for line in shown)
    assert " ID             State  App     Pending  Running  Succeed  Failed  Created" in shown
    assert not any("\x1b" in line for line in shown)


def on_a_terminal(columns, *arguments):
    screen, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns)}
    with subprocess.Popen(command(*arguments), stdout=terminal, stderr=terminal, env=environment) as running:
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(screen, 4096):
                shown += chunk
        except OSError:
            pass  # Linux reports the end of a terminal as an error
    os.close(screen)
    assert running.returncode == 0
    return shown.decode().replace("\r", "").splitlines()


def test_a_package_before_it_is_made(surroundings):
    project = surroundings / "project"
    (project / "main.py").write_text("print()\n")
    (project / "data").mkdir()
    (project / "data" / "big.bin").write_bytes(b"x" * 5000)
    (project / "old.log").write_text("x")
    shown = flmctl("package", "--dry-run", "--exclude", "*.log").stdout
    assert f"Project {project}: 3 files, 4.9 KiB before compression." in shown
    assert " 4.9 KiB  data/           1" in shown.splitlines()
    assert any(line.split()[:2] == ["old.log", "*.log"] for line in shown.splitlines())
    assert table("package", "--dry-run", "-o", "name", str(project))[0] == "data/big.bin"
    assert json.loads(flmctl("package", "--dry-run", "-o", "json").stdout)["total"] > 5000


def test_options_that_say_which_engine_may_stand_anywhere(engine):
    assert table("list", "-e", "--endpoint", "local://")[1].startswith(" e1")
    assert table("--endpoint=local://", "list", "-e")[1].startswith(" e1")
    assert "nowhere.yaml" in flmctl("list", "-e", "--config", "nowhere.yaml", code=1).stderr
    assert "nothing" in flmctl("list", "-e", "--endpoint", "nothing://x", code=1).stderr


def test_help_is_the_answer_to_nothing():
    assert flmctl().stdout == flmctl("--help").stdout
    assert "141 the reader" in flmctl("-h").stdout
    assert flmctl("--version").stdout.startswith("flmctl ")


def test_bash_is_offered_commands_and_ids(engine):
    def offered(*words):
        environment = {"_FLMCTL_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
        environment["COMP_CWORD"] = str(len(words) - 1)
        done = subprocess.run(command(), env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        return done.stdout.split()

    assert offered("flmctl", "cl") == ["close"]
    assert offered("flmctl", "logs", "flmrun-abc") == [OPEN]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(shell):
    assert "_FLMCTL_COMPLETE" in flmctl("completion", shell).stdout


def test_listing_loads_no_engine_and_no_rich():
    program = (
        "import sys\n"
        "sys.argv = ['flmctl', 'list', '-s']\n"
        "from flamepy.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"rich", "grpc", "ray", "yaml", "psutil", "flamepy.engines.linked.engine"} & set(done.stderr.split())
