"""The examples of the requirement (rfe280.md is its text), word for word."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest

from flamepy import FlameContext

DOCUMENT = Path(__file__).with_name("rfe280.md").read_text()
FORMS, EXAMPLE = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
SETTINGS = re.search(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL).group(1)  # type: ignore[union-attr]

OUTPUT = ["3", "4", "14", "28"]

TOP_LEVEL_AWAIT = """
import ast, asyncio, sys
text = open(sys.argv[1]).read()
asyncio.run(eval(compile(text, "<notebook>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)))
"""


def runnable(source: str, *, guard: bool = False) -> str:
    """The source with each top-level ``async with`` put into a coroutine that is run at its place."""
    lines = source.splitlines()
    parts = []
    for statement in ast.parse(source).body:
        text = "\n".join(lines[statement.lineno - 1 : statement.end_lineno])
        if isinstance(statement, ast.AsyncWith):
            text = f"async def main():\n{textwrap.indent(text, '    ')}\nasyncio.run(main())"
        if guard and isinstance(statement, ast.AsyncWith | ast.With):
            text = f'if __name__ == "__main__":\n{textwrap.indent(text, "    ")}'
        parts.append(text)
    return "\n\n".join(["import asyncio", *parts]) + "\n"


def shown(done) -> list[str]:
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("guard", [False, True], ids=["unguarded", "guarded"])
def test_the_example_prints_what_it_says(script, guard):
    assert shown(script.run_text(runnable(EXAMPLE, guard=guard))) == OUTPUT


def test_both_runners_can_be_entered_as_in_the_document(script):
    assert shown(script.run_text(runnable(FORMS))) == []


def test_the_example_runs_unchanged_where_await_is_allowed_at_the_top(script):
    notebook = script.write(EXAMPLE, "cell.txt")
    assert shown(script.run_text(TOP_LEVEL_AWAIT.replace("sys.argv[1]", repr(str(notebook))))) == OUTPUT


def test_the_storage_is_empty_afterwards(script):
    script.run_text(runnable(EXAMPLE))
    assert list(script.storage.iterdir()) == []


@pytest.mark.engine("local", why="without a configuration there is no other engine")
def test_the_example_needs_no_configuration(script):
    (script.folder / "flame.yaml").unlink()
    assert shown(script.run_text(runnable(EXAMPLE))) == OUTPUT


def test_the_documents_flame_yaml_with_this_engine_and_storage(script, context):
    text = SETTINGS.replace("file:///opt/example/", context.package.storage)
    text = text.replace("http://flame-session-manager:8080", context.endpoint)
    assert context.package.storage in text
    assert context.endpoint in text
    config = script.write(text, "flame.yaml")
    assert FlameContext.load(config).package.storage == context.package.storage
    look = f"import os; print(*os.listdir({str(script.storage)!r}))"
    source = runnable(EXAMPLE).replace("sum_s = ", f"{look}; sum_s = ")
    first, *rest = script.run_text(source).stdout.splitlines()
    assert first.startswith("test")
    assert rest == OUTPUT
    assert list(script.storage.iterdir()) == []
