"""What tasks and their children print, however they do it."""

from __future__ import annotations

import os


def logs_of(runner, service) -> list[str]:
    path = runner._engine.output.path_of(service._flame_session)
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def test_a_hundred_thousand_lines(scene, capfd):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.print_many, instances=1)
        assert service(100_000).get(50) == "printed"
        out = capfd.readouterr().out  # all of it was there before get() returned
    lines = [line.partition(") ")[2] for line in out.splitlines()]
    assert lines == [f"line {number}" for number in range(100_000)]


def test_garbage(scene, capfd):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.print_garbage, instances=1)
        assert service().get(20) == "printed"
        assert service().get(20) == "printed"
    said = capfd.readouterr()
    assert "\\xff\\xfe" in said.out + said.err


def test_closed_descriptors(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.close_outputs, instances=1)
        assert service().get(20) == "closed"
        echo = runner.service(victims.echo)
        assert echo(1).get(20) == 1


def test_children_of_tasks_are_heard(scene, capfd):
    import victims

    with scene.runner() as runner:
        assert runner.service(victims.print_from_child)("hello from echo").get(20) == "printed"
    said = capfd.readouterr()
    assert "hello from echo" in said.out + said.err


def test_the_client_has_closed_its_own_output(scene):
    script = """
with runner() as r:
    service = r.service(victims.print_many, instances=1)
    sys.stdout.close()
    sys.stderr.close()
    assert service(10).get() == "printed"
os.write(1, b"fine")
"""
    returned, output = scene.run(script)
    assert (returned, output[-4:]) == (0, "fine")


def test_a_client_whose_reader_is_gone(scene):
    """``program | head -1``"""
    script = """
with runner() as r:
    service = r.service(victims.print_many, instances=1)
    assert service(2000).get() == "printed"
os.write(2, b"")
"""
    client = scene.start(script)
    assert client.stdout.readline()
    client.stdout.close()
    assert client.wait(30) in (0, 1, 120)
    assert os.path.exists(scene.root)
