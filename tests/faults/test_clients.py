"""The client itself ends, in every way, in the middle of work: nothing of its engine survives."""

from __future__ import annotations

import os
import signal

import pytest

from faults.scene import MARK, eventually, is_alive, pid_in


def kill(process, sign=signal.SIGKILL):
    process.send_signal(sign)
    process.communicate(timeout=20)


WORK = """
with runner(show_logs=False) as r:
    services = [r.service(victims.mark_and_sleep), r.service(victims.spin_in_c), r.service(victims.Account)]
    import pathlib, tempfile
    exprs = [services[0](sys.argv[1] + ".sleep", 1000), services[1](sys.argv[1] + ".spin")]
    services[2].add(1).get()
    big = r.put(bytearray(1 << 20))
    services[2].add(big)
    print("begun", flush=True)
    exprs[0].get()
"""


def test_ten_clients_killed_at_work(scene, tmp_path):
    import victims

    clients = [scene.start(WORK.replace("runner(", f"runner('killed{n}', "), tmp_path / str(n)) for n in range(10)]
    executors = []
    for number in range(10):
        executors += [pid_in(tmp_path / f"{number}.sleep"), pid_in(tmp_path / f"{number}.spin")]
    for client in clients:
        client.send_signal(signal.SIGKILL)
    for client in clients:
        client.communicate()
    eventually(lambda: not any(map(is_alive, executors)), 20)
    with scene.runner("next") as runner:
        assert runner.service(victims.echo)(1).get(20) == 1


def test_a_killed_client_leaves_no_package(scene, tmp_path):
    client = scene.start(WORK, tmp_path / "work")
    pid_in(tmp_path / "work.sleep")
    kill(client)
    eventually(lambda: not scene.processes())
    assert not list(scene.storage.iterdir())
    scene.next_run()


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit(4)", 4),
        ("os._exit(5)", 5),
        ("raise ValueError('on purpose')", 1),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", -signal.SIGTERM),
        ("os.abort()", -signal.SIGABRT),
    ],
)
def test_ways_out_of_the_block(scene, tmp_path, ending, code):
    script = f"""
with runner(show_logs=False) as r:
    service = r.service(victims.mark_and_sleep, instances=1)
    first = service(sys.argv[1], 1000)
    rest = [service(sys.argv[1], 1000) for _ in range(100)]
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    {ending}
"""
    returned, output = scene.run(script, tmp_path / "mark")
    assert returned == code, output
    eventually(lambda: not scene.processes())
    scene.next_run()


def test_never_leaving_the_block(scene, tmp_path):
    script = """
r = runner(show_logs=False)
r.__enter__()
service = r.service(victims.mark_and_sleep, instances=1)
first = service(sys.argv[1], 1000)
print(r.service(victims.echo)(7).get())
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""
    returned, output = scene.run(script, tmp_path / "mark")
    assert (returned, output.splitlines()[-1]) == (0, "7")


def test_exit_while_a_daemon_thread_works(scene):
    script = """
def work():
    with runner(show_logs=False) as r:
        service = r.service(victims.echo)
        begun.set()
        while True:
            service(1).get()
begun = threading.Event()
threading.Thread(target=work, daemon=True).start()
begun.wait()
time.sleep(0.2)
"""
    returned, output = scene.run(script)
    assert returned == 0, output


INTERRUPTED = {
    "in get": "print('now', flush=True); service(sys.argv[1], 1000).get()",
    "in submit": (
        "print('now', flush=True)\n        while True: exprs = [service(sys.argv[1], 1000) for _ in range(10**5)]"
    ),
    "in drain": "expr = service(sys.argv[1], 1000); print('now', flush=True)",
    "in a callback's wait": "import flamepy; print('now', flush=True); flamepy.wait([service(sys.argv[1], 1000)])",
    "while computing": "service(sys.argv[1], 1000); print('now', flush=True)\n        while True: pass",
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("where", INTERRUPTED)
def test_ctrl_c(scene, tmp_path, where, times):
    script = f"""
try:
    with runner(show_logs=False) as r:
        service = r.service(victims.mark_and_sleep, instances=1)
        {INTERRUPTED[where]}
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    client = scene.start(script, tmp_path / "mark", measured=False)
    assert client.stdout.readline() == "now\n"
    if where not in ("in submit",):
        pid_in(tmp_path / "mark")
    for _ in range(times):
        os.killpg(client.pid, signal.SIGINT)
    output, _ = client.communicate(timeout=20)
    assert times == 2 or "interrupted" in output, output
    assert times == 2 or "Traceback" not in output, output


def test_ctrl_c_does_not_reach_executors(scene, tmp_path):
    script = """
with runner(show_logs=False) as r:
    slow = r.service(victims.mark_and_sleep, instances=1)
    expr = slow(sys.argv[1], 1.0)
    try:
        print("now", flush=True)
        expr.get()
    except KeyboardInterrupt:
        pass
    print(expr.get())
"""
    client = scene.start(script, tmp_path / "mark", measured=False)
    pid_in(tmp_path / "mark")
    os.killpg(client.pid, signal.SIGINT)
    output, _ = client.communicate(timeout=20)
    assert output.splitlines()[-1] == "slept", output


INTERRUPTER = """
import flamepy, random
armed, main, HITS = threading.Event(), threading.main_thread().ident, 150
def interrupt():
    for _ in range(HITS):
        armed.wait()
        armed.clear()  # one for each time: none may come when nobody expects it
        time.sleep(random.random() / 100)
        signal.pthread_kill(main, signal.SIGINT)
def use(services):
    thread = threading.Thread(target=interrupt)
    thread.start()
    hits = 0
    while hits < HITS:
        try:
            armed.set()
            while True:
                for service in services:
                    assert flamepy.get([service(n) for n in range(50)]) == list(range(50))
                    assert service("alone").get() == "alone"
        except KeyboardInterrupt:
            hits += 1
    thread.join()
    for service in services:
        assert flamepy.get([service(n) for n in range(500)]) == list(range(500))
"""


def test_ctrl_c_again_and_again_keeps_the_accounts(scene):
    script = """
with runner(show_logs=False) as r:
    use([r.service(victims.echo, instances=2)])
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    returned, output = scene.run(INTERRUPTER + script)
    assert returned == 0, output


def test_ctrl_c_with_two_runners_keeps_the_accounts_of_both(scene):
    script = """
with runner("one", show_logs=False) as first, runner("two", show_logs=False) as second:
    use([first.service(victims.echo, instances=1), second.service(victims.echo, instances=1)])
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    returned, output = scene.run(INTERRUPTER + script)
    assert returned == 0, output


@pytest.mark.parametrize("way", ["multiprocessing", "fork"])
def test_a_fork_of_the_client(scene, way):
    """It can neither use nor delete what is its parent's, and ends."""
    script = """
import gc, multiprocessing, warnings
warnings.simplefilter("ignore")
def child():
    import flamepy
    attempts = [lambda: size_of(b''), lambda: pending.get(), lambda: r.put(1), lambda: size_of.close() or size_of(b'')]
    for broken in attempts:
        try:
            broken()
        except flamepy.FlameError as error:
            assert "forked" in str(error), error
        else:
            raise SystemExit(9)
    globals().pop("big")
    gc.collect()
    raise SystemExit(0)
with runner(show_logs=False) as r:
    service = r.service(victims.mark_and_sleep, instances=1)
    size_of = r.service(victims.size_of)
    big = r.put(bytearray(1 << 20))
    other = big
    assert size_of(big).get() == 1 << 20
    pending = service("/dev/null", 1.5)
    if sys.argv[1] == "fork":
        pid = os.fork()
        if pid == 0:
            child()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    else:
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        code = process.exitcode
    assert code == 0, code
    assert pending.get() == "slept"
    assert size_of(other).get() == 1 << 20
    assert size_of(bytearray(1 << 20)).get() == 1 << 20
print("done")
"""
    returned, output = scene.run(script, way)
    assert (returned, output.splitlines()[-1:]) == (0, ["done"]), output


def test_a_forked_child_that_outlives_its_parent_keeps_nothing_alive(scene, tmp_path):
    script = """
import warnings
warnings.simplefilter("ignore")
with runner(show_logs=False) as r:
    service = r.service(victims.mark_and_sleep, instances=1)
    expr = service(sys.argv[1], 1000)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    child = os.fork()
    if child == 0:
        os.environ.clear()
        os.execv("/bin/sleep", ["sleep", "15"]) if sys.argv[2] == "exec" else time.sleep(15)
        os._exit(0)
    print(child, flush=True)
    time.sleep(1000)
"""
    client = scene.start(script, tmp_path / "mark", "plain")
    child = int(client.stdout.readline())
    executor = pid_in(tmp_path / "mark")
    client.send_signal(signal.SIGKILL)
    client.wait()
    eventually(lambda: not is_alive(executor), 10)
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)
    client.stdout.close()
    eventually(lambda: not scene.processes())
    scene.next_run()


def test_the_mark_reaches_executors(scene):
    """Else the other tests would see nothing."""
    import victims

    with scene.runner() as runner:
        pid = runner.service(victims.pid)().get(20)
        assert pid in scene.processes()
        assert f"{MARK}={scene.mark}"
