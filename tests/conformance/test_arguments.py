"""ObjectExprs as arguments: replaced by their values, at any depth, whenever those are there."""

from __future__ import annotations

import pytest
from workshop import classes, failing, functions

import flamepy
from flamepy import DependencyFailed, SerializationError


def test_as_an_argument(runner):
    add = runner.service(functions.add)
    first = add(1, 2)
    assert add(first, 10).get() == 13
    assert add(a=first, b=first).get() == 6


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "pending"])
def test_at_any_depth(runner, tmp_path, settled):
    wait, identity = runner.service(functions.wait_for_file), runner.service(functions.identity)
    go = tmp_path / "go"
    if settled:
        go.touch()
    expr = wait(str(go))
    if settled:
        expr.get()
    value = {"list": [expr, (expr, {"deep": [expr]})], "parcel": classes.Parcel("label", expr, {"x": expr})}
    result = identity(value)
    go.touch()
    path = str(go)
    assert result.get() == {
        "list": [path, (path, {"deep": [path]})],
        "parcel": classes.Parcel("label", path, {"x": path}),
    }


def test_in_fields_of_objects(runner):
    post, scale = runner.service(classes.Post), runner.service(functions.scale)
    assert post.open(classes.Parcel("a", scale(2))).get() == 4
    assert post.open_all([classes.Parcel(str(n), scale(n)) for n in range(50)]).get() == [2 * n for n in range(50)]


def test_in_a_closure(runner):
    expr = runner.service(functions.add)(1, 2)
    assert runner.service(lambda function: function())(lambda: expr + 1).get() == 4


def test_as_a_key(runner):
    expr = runner.service(functions.add)(1, 2)
    assert runner.service(functions.identity)({expr: 1}).get() == {3: 1}


def test_the_same_one_twice_is_one_object(runner):
    expr = runner.service(functions.identity)([1, 2])
    same = runner.service(lambda a, b, c: (a is b, a is c[0]))
    assert same(expr, expr, [expr]).get() == (True, True)
    expr.get()
    assert same(expr, expr, [expr]).get() == (True, True)


def test_a_chain_of_pending_ones(runner, tmp_path):
    wait, add = runner.service(functions.wait_for_file), runner.service(lambda text, n: n + 1)
    gate = wait(str(tmp_path / "go"))
    expr = add(gate, 0)
    for _ in range(200):
        expr = add(gate, expr)
    assert not expr.done()
    (tmp_path / "go").touch()
    assert expr.get() == 201


def test_a_tree_of_them(runner):
    add = runner.service(functions.add)
    level = [runner.put(1) for _ in range(64)]
    while len(level) > 1:
        level = [add(level[n], level[n + 1]) for n in range(0, len(level), 2)]
    assert level[0].get() == 64


def test_between_services(runner):
    counter, scale = runner.service(classes.Counter), runner.service(functions.scale)
    counter.add(scale(4))
    counter.add_from([scale(1), scale(2), 3])
    assert scale(counter.get_counter()).get() == 34


def test_many_in_one_call(runner):
    scale, total = runner.service(functions.scale), runner.service(functions.total)
    assert total(scale.map(range(1000))).get() == 999_000


def test_the_handle_may_go_before_the_call_runs(runner, tmp_path):
    wait, identity = runner.service(functions.wait_for_file), runner.service(functions.identity)
    result = identity([wait(str(tmp_path / "go"))])
    (tmp_path / "go").touch()
    assert result.get() == [str(tmp_path / "go")]


# ---- put


@pytest.mark.parametrize("value", [1, None, "text", [1, [2]], {"a": b"x" * 100_000}, "y" * 200_000], ids=type)
def test_put(runner, value):
    expr = runner.put(value)
    assert expr.done()
    assert expr.get() == value
    assert runner.service(functions.identity)(expr).get() == value
    assert expr.exception() is None
    assert not expr.cancel()


def test_put_is_a_snapshot(runner):
    value = [1]
    expr = runner.put(value)
    value.append(2)
    assert expr.get() == [1]
    assert runner.service(functions.identity)(expr).get() == [1]


def test_put_of_results(runner):
    add = runner.service(functions.add)
    expr = runner.put({"sum": add(1, 2), "list": [add(3, 4)]})
    assert expr.get() == {"sum": 3, "list": [7]}


def test_put_what_cannot_be_pickled(runner):
    with pytest.raises(SerializationError, match="lock"):
        runner.put([classes.WithLock()])


# ---- failed ones


def test_a_failed_one_fails_the_call(runner):
    broken = runner.service(failing.fail)("no more")
    result = runner.service(functions.identity)([broken])
    with pytest.raises(DependencyFailed, match="no more") as caught:
        result.get()
    assert isinstance(caught.value.__cause__, ValueError)
    assert str(caught.value.__cause__) == "no more"


def test_a_settled_failure_fails_the_call_too(runner):
    broken = runner.service(failing.fail)("no more")
    assert isinstance(broken.exception(), ValueError)
    error = runner.service(functions.identity)(broken).exception()
    assert isinstance(error, DependencyFailed)
    assert isinstance(error.__cause__, ValueError)


def test_a_failure_runs_down_the_chain(runner):
    identity = runner.service(functions.identity)
    expr = runner.service(failing.fail)("the first")
    for _ in range(5):
        expr = identity(expr)
    error = expr.exception()
    causes = []
    while isinstance(error, DependencyFailed):
        causes.append(error)
        error = error.__cause__
    assert isinstance(error, ValueError)
    assert len(causes) >= 1


def test_a_cancelled_one_fails_the_call(runner, tmp_path):
    waiting = runner.service(functions.wait_for_file)(str(tmp_path / "never"))
    result = runner.service(functions.identity)(waiting)
    waiting.cancel()
    error = result.exception(timeout=20)
    assert isinstance(error, DependencyFailed)
    assert isinstance(error.__cause__, flamepy.TaskCancelled)


def test_a_failed_one_among_good_ones(runner, tmp_path):
    wait, fail = runner.service(functions.wait_for_file), runner.service(failing.fail)
    result = runner.service(functions.identity)([wait(str(tmp_path / "go")), fail("bad"), fail("worse")])
    (tmp_path / "go").touch()
    assert isinstance(result.exception(timeout=20), DependencyFailed)


# ---- what cannot travel


@pytest.mark.parametrize(
    ("args", "kwargs", "path"),
    [
        (lambda bad: (bad,), {}, r"argument 1\b"),
        (lambda bad: (1, {"key": [0, bad]}), {}, r"argument 2\['key'\]\[1\]"),
        (lambda bad: (classes.Parcel("x", bad),), {}, r"argument 1\.content"),
        (lambda bad: (), {"setting": 1}, r"\['setting'\]"),
    ],
    ids=["itself", "inside", "field", "keyword"],
)
def test_an_argument_that_cannot_be_pickled_is_named_at_once(runner, args, kwargs, path):
    bad = classes.WithLock()
    collect = runner.service(functions.collect)
    with pytest.raises(SerializationError, match=path) as caught:
        collect(*args(bad), **{name: bad for name in kwargs})
    assert "lock" in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert collect(1).get() == ((1,), {})


def test_an_object_expr_cannot_be_pickled_by_others(runner):
    import pickle

    with pytest.raises(SerializationError, match=r"get\(\)"):
        pickle.dumps(runner.put(1))


def test_nesting_too_deep_for_pickle_is_said(runner):
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SerializationError, match="deep"):
        runner.service(functions.identity)(deep)
    while deep:
        deep = deep.pop()
