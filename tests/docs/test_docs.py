"""What the pages say is true: their code runs, their files load, their commands and links exist."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

import flamepy
from docs import pages

every_page = pytest.mark.parametrize("page", pages.PAGES)
every_page_with_code = pytest.mark.parametrize("page", [page for page in pages.PAGES if pages.script(page).strip()])

SKIPPED = [
    pytest.param(page, block, id=f"{page}:{block.line}")
    for page in pages.PAGES
    for block in pages.blocks(page)
    if block.mark == "skip"
]
YAML = [
    pytest.param(block.text, id=f"{page}:{block.line}")
    for page in pages.PAGES
    for block in pages.blocks(page)
    if block.language == "yaml" and block.mark != "skip"
]
COMMANDS = [
    pytest.param(line.removeprefix("$ ").strip(), id=f"{page}:{block.line} {line}")
    for page in pages.PAGES
    for block in pages.blocks(page)
    if block.language in {"shell", "bash", "console"} and block.mark != "skip"
    for line in block.text.splitlines()
    if line.removeprefix("$ ").startswith(("flmctl ", "flmping ", "python3 dev.py"))
]
MODULES = [
    info.name
    for info in pkgutil.walk_packages(flamepy.__path__, "flamepy.")
    if not info.name.endswith("__main__") and ".proto." not in info.name
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project; a page's files and its script go into it."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "page"\nversion = "1"\n')
    return tmp_path


@every_page_with_code
def test_the_code_of_a_page_runs(page: str, project: Path):
    for block in pages.blocks(page):
        if block.mark == "file":
            path = project / block.argument
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    (project / "main.py").write_text(pages.script(page))
    done = pages.run([sys.executable, "main.py"], project)
    assert done.returncode == 0, f"{page} (line numbers are the page's)\n{done.stdout}\n{done.stderr}"
    printed = iter(done.stdout.splitlines())
    for block in pages.blocks(page):
        if block.mark == "output":
            missing = [line for line in block.text.splitlines() if not any(line == each for each in printed)]
            assert not missing, f"{page}:{block.line}: not printed in this order\n{done.stdout}"


@pytest.mark.parametrize(("page", "block"), SKIPPED)
def test_a_block_that_is_not_run_says_why_and_compiles(page: str, block: pages.Block):
    assert len(block.argument) > 5, f"{page}:{block.line}"
    if block.language in {"python", "py"}:
        compile(block.text, page, "exec", flags=pages.ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("text", YAML)
def test_a_flame_yaml_is_one(text: str, tmp_path: Path):
    content = yaml.safe_load(text)
    if isinstance(content, dict) and "clusters" in content:
        path = tmp_path / "flame.yaml"
        path.write_text(text)
        flamepy.FlameContext.load(path)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists_with_its_options(command: str):
    program, *arguments = shlex.split(command, comments=True)
    if program == "python3":
        assert f"python3 dev.py {arguments[1]}" in (pages.ROOT / "dev.py").read_text()
        return
    words = [each for each in arguments if re.fullmatch(r"[a-z]+", each)][:1]
    done = pages.run([str(Path(sys.executable).with_name(program)), *words, "--help"], pages.ROOT)
    assert done.returncode == 0, done.stderr
    options = {each.partition("=")[0] for each in arguments if re.match(r"--?[a-z]", each)}
    shown = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout))
    assert options <= shown, f"'flmctl {' '.join(words)}' has no {', '.join(sorted(options - shown))}"


@every_page
def test_the_links_of_a_page_lead_somewhere(page: str):
    here = (pages.ROOT / page).parent
    assert [link for link in pages.links(page) if not (here / link).exists()] == []


def test_every_page_is_in_the_menu():
    menu = (pages.ROOT / "mkdocs.yml").read_text()
    missing = [page for page in pages.PAGES if page.startswith("docs/") and page.removeprefix("docs/") not in menu]
    assert missing == []


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_right(name: str):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
