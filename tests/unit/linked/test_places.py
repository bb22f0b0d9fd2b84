from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys

import pytest

from flamepy.engines.linked.inspection import places, private_files
from flamepy.errors import EngineError


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAMEPY_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("FLAMEPY_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def ids(found):
    return [place.id for place in found]


def test_a_claimed_place_is_live_until_it_is_released():
    place = places.claim("1-a")
    assert ids(places.live_engines()) == ["1-a"]
    assert places.dead_engines() == []
    place.release()
    place.release()
    assert places.live_engines() == places.dead_engines() == []
    assert os.listdir(f"{places.runtime_root()}/engines") == []


def test_one_id_is_claimed_once():
    place = places.claim("1-a")
    with pytest.raises(EngineError, match="1-a"):
        places.claim("1-a")
    place.release()


def test_roots_are_for_their_owner_alone(folders):
    (folders / "run").mkdir(mode=0o755)
    for root in (places.runtime_root(), places.state_root(), places.logs_root()):
        assert stat.S_IMODE(os.stat(root).st_mode) == 0o700


def test_a_link_in_place_of_a_root_is_refused(folders):
    (folders / "elsewhere").mkdir()
    (folders / "run").symlink_to(folders / "elsewhere")
    with pytest.raises(EngineError, match="FLAMEPY_RUNTIME_DIR"):
        places.claim("1-a")


def test_a_folder_of_somebody_else_is_refused(folders, monkeypatch):
    (folders / "run").mkdir()
    owner = os.geteuid()
    monkeypatch.setattr(private_files.os, "geteuid", lambda: owner + 1)
    with pytest.raises(EngineError, match=f"belongs to user {owner}, not to you"):
        places.runtime_root()


def test_a_killed_engine_is_dead_even_if_a_forked_child_lives_on():
    # The child holds a copy of every descriptor, as a program's own worker processes do.
    program = (
        "import os, signal, sys\n"
        "from flamepy.engines.linked.inspection import places\n"
        "places.claim('2-b')\n"
        "kept = places.claim('3-c')\n"
        "kept.write_info({'pid': os.getpid()})\n"
        "if os.fork() == 0:\n"
        "    print('child', os.getpid(), flush=True)\n"
        "    signal.pause()\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as engine:
        child = int(engine.stdout.readline().split()[1])
        try:
            assert "3-c" in ids(places.live_engines())
            engine.kill()
            engine.wait()
            dead = {place.id: place for place in places.dead_engines()}
            assert dead["3-c"].read_info()["pid"] == engine.pid
            assert dead["3-c"].remove()
            assert not dead["3-c"].remove()
        finally:
            os.kill(child, signal.SIGKILL)


def test_half_made_places_are_not_engines():
    places.claim("1-a").release()
    os.mkdir(f"{places.runtime_root()}/engines/.9-z")
    assert places.live_engines() == places.dead_engines() == []


def test_old_half_made_places_are_swept():
    places.claim("1-a").release()
    leftover = f"{places.runtime_root()}/engines/.9-z"
    os.mkdir(leftover)
    os.utime(leftover, (0, 0))
    assert places.dead_engines() == []
    assert not os.path.exists(leftover)


def test_a_socket_path_is_never_too_long():
    deep = places.EnginePlace("/x" * 80 + "/4711-abcdef")
    assert len(os.fsencode(deep.control_path)) < 104
    assert deep.control_path.endswith("4711-abcdef.sock")


def test_info_that_cannot_be_read_is_empty():
    place = places.claim("1-a")
    assert place.read_info() == {}
    with open(place.info_path, "w", encoding="utf-8") as file:
        file.write("{")
    assert place.read_info() == {}
    place.release()


def test_without_variables_the_roots_are_the_systems(monkeypatch, tmp_path):
    for name in ("FLAMEPY_RUNTIME_DIR", "FLAMEPY_STATE_DIR"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    assert places.runtime_root() == f"{tmp_path}/flamepy"
    assert places.state_root() == f"{tmp_path}/state-home/flamepy"


def test_a_runtime_folder_that_is_no_folder_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.delenv("FLAMEPY_RUNTIME_DIR")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert not places.runtime_root().startswith(str(tmp_path / "missing"))


def test_importing_places_loads_no_heavy_module():
    program = "import sys; import flamepy.engines.linked.inspection.places; print(*sys.modules)"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # it loads modules too
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, env=plain, capture_output=True, text=True, check=True).stdout.split()
    assert not {"json", "socket", "pathlib", "tempfile", "platformdirs", "sqlite3", "msgspec"} & set(loaded)
