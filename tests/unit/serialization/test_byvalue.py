"""Which main scripts may be imported in an executor: those that only define."""

from __future__ import annotations

import pytest

from flamepy.serialization.byvalue import main_script_is_importable

DEFINES = {
    "nothing": "",
    "a docstring": '"""Words."""',
    "definitions": "import os\nfrom sys import path\ndef f(): print(1)\nasync def g(): pass\nclass C:\n    x = 1",
    "constants": "LIMIT = 10\nNAMES = ['a', 'b']\nname: str = 'x'",
    "a guard": "if __name__ == '__main__':\n    print('work')\n    f()",
    "types only": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os",
}
WORKS = {
    "a call": "print('hello')",
    "a with block": "with open('x') as f:\n    pass",
    "an assigned call": "import os\nx = os.listdir()",
    "a call deep inside": "x = [1, {'a': (2, f())}]",
    "a loop": "for i in range(3):\n    pass",
    "another if": "import sys\nif sys.argv:\n    x = 1",
    "a try": "try:\n    import numpy\nexcept ImportError:\n    pass",
    "no Python": "this is not python",
    "a null byte": "x = 1\0",
}


@pytest.mark.parametrize("text", DEFINES.values(), ids=DEFINES)
def test_scripts_that_define(tmp_path, text):
    path = tmp_path / "main.py"
    path.write_text(text)
    assert main_script_is_importable(str(path))


@pytest.mark.parametrize("text", WORKS.values(), ids=WORKS)
def test_scripts_that_work(tmp_path, text):
    path = tmp_path / "main.py"
    path.write_text(text)
    assert not main_script_is_importable(str(path))


def test_a_script_that_is_not_there(tmp_path):
    assert not main_script_is_importable(str(tmp_path / "gone.py"))
