"""Sizes: what grows past these is about two things and gets split by subject."""

from __future__ import annotations

import ast

from architecture import source

MODULE_LINES = 400
PORT_LINES = 120
FUNCTION_LINES = 50
FUNCTION_LINES_P90 = 25
PUBLIC_METHODS = 20


def test_no_module_is_too_long():
    too_long = {path: n for path in source.modules() if (n := source.line_count(path)) > MODULE_LINES}
    assert not too_long


def test_the_engine_port_is_small():
    assert source.line_count("src/flamepy/engines/port.py") <= PORT_LINES


def test_no_function_is_too_long():
    assert [each for each in source.functions() if each.lines > FUNCTION_LINES] == []


def test_nine_of_ten_functions_are_short():
    lengths = sorted(each.lines for each in source.functions())
    assert lengths[int(len(lengths) * 0.9)] <= FUNCTION_LINES_P90


def test_no_class_has_too_many_public_methods():
    crowded = {
        where: len(methods)
        for where, node in source.public_definitions()
        if isinstance(node, ast.ClassDef) and len(methods := _public_methods(node)) > PUBLIC_METHODS
    }
    assert not crowded


def _public_methods(node: ast.ClassDef) -> list[str]:
    return [each.name for each in node.body if isinstance(each, source.FunctionNode) and not each.name.startswith("_")]
