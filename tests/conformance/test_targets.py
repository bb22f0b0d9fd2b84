"""What can be a service, and how its handle looks and guards itself."""

from __future__ import annotations

import functools
import inspect
import operator
import pydoc

import pytest
from workshop import classes, functions

from flamepy import FlameRunnerService, ObjectExpr, SerializationError, ServiceError, ServiceFailed

# ---- kinds


def test_a_function(runner):
    expr = runner.service(functions.add)(1, 2)
    assert isinstance(expr, ObjectExpr)
    assert expr.get() == 3


def test_a_class(runner):
    counter = runner.service(classes.Counter)
    assert isinstance(counter, FlameRunnerService)
    counter.add(1)
    counter.add(3)
    assert counter.get_counter().get() == 4


def test_an_instance_is_a_copy(runner):
    original = classes.Counter(10)
    counter = runner.service(original)
    counter.add(1)
    counter.add(3)
    res_r = counter.get_counter()
    assert res_r.get() == 14
    counter.add(res_r)
    assert counter.get_counter().get() == 28
    assert original.get_counter() == 10


def test_two_services_of_a_class_share_nothing(runner):
    one, two = runner.service(classes.Counter), runner.service(classes.Counter)
    one.add(1)
    two.add(2)
    assert (one.get_counter().get(), two.get_counter().get()) == (1, 2)


def test_inherited_static_and_class_methods_and_call(runner):
    loud = runner.service(classes.Loud(5))
    loud.add(1)
    assert loud.get_counter().get() == 1006
    assert loud.double(4).get() == 8
    assert loud.who().get() == "Loud!"
    assert loud.who(suffix="?").get() == "Loud?"
    assert loud(10).get() == 16


def test_a_class_with_call_is_called_as_an_instance(runner):
    assert runner.service(classes.Loud)(10).get() == 10


def test_a_closure(runner):
    factor = 3

    def times(value):
        return factor * value

    assert runner.service(times)(4).get() == 12


def test_a_lambda(runner):
    assert runner.service(lambda a, b=5: a * b)(4).get() == 20


def test_a_local_class(runner):
    class Box:
        def __init__(self):
            self.things = []

        def put(self, thing):
            self.things.append(thing)
            return len(self.things)

    box = runner.service(Box)
    assert [box.put(n).get() for n in "abc"] == [1, 2, 3]


def test_an_instance_of_a_local_class(runner):
    class Box:
        def __init__(self, size):
            self.size = size

        def volume(self):
            return self.size**3

    assert runner.service(Box(3)).volume().get() == 27


def test_a_partial(runner):
    assert runner.service(functools.partial(functions.add, 10))(5).get() == 15
    assert runner.service(functools.partial(functions.scale, offset=1))(2, 3).get() == 7


@pytest.mark.parametrize(
    ("function", "args", "result"),
    [
        (sum, ([1, 2, 3],), 6),
        (len, ("four",), 4),
        (operator.add, (1, 2), 3),
        (max, (3, 9, 4), 9),
        (str.upper, ("a",), "A"),
    ],
    ids=["sum", "len", "operator", "max", "method descriptor"],
)
def test_a_builtin(runner, function, args, result):
    assert runner.service(function)(*args).get() == result


def test_a_bound_method(runner):
    assert runner.service(classes.Counter(4).get_counter)().get() == 4
    assert runner.service([3, 1, 2].index)(1).get() == 1


def test_a_decorated_function(runner):
    assert runner.service(functions.decorated)(1).get() == 2


def test_an_instance_of_a_builtin_class(runner):
    numbers = runner.service([])
    numbers.append(2)
    numbers.extend([3, 4])
    assert numbers.copy().get() == [2, 3, 4]


def test_callables_in_the_instance_itself(runner):
    counter = classes.Counter(1)
    counter.shout = functions.add
    assert runner.service(counter).shout(1, 2).get() == 3


def test_own_methods_win_over_the_services(runner):
    own = runner.service(classes.OwnNames)
    assert own.map(1).get() == 1
    assert own.close().get() == "closed by the user"
    assert own.options().get() == "my options"
    assert own.call(2).get() == -2


def test_call_by_the_original_method(runner):
    counter = runner.service(classes.Counter(1))
    counter.call(classes.Counter.add, 5)
    assert counter.call(classes.Counter.get_counter).get() == 6


# ---- what cannot be one


def test_nothing_to_call_is_an_error(runner):
    class Bare:
        pass

    with pytest.raises(ServiceError, match="no public methods"):
        runner.service(Bare())


def test_a_target_that_cannot_be_pickled_says_what_is_to_blame(runner):
    with pytest.raises(SerializationError, match=r"lock"):
        runner.service(classes.WithLock())


def test_a_module_that_is_not_in_the_package_is_named(script):
    script.write("helpers.py\n", ".flameignore")
    script.write("def help():\n    return 1\n", "helpers.py")
    script.write("import helpers\n\ndef work():\n    return helpers.help()\n", "jobs.py")
    done = script.run_text(
        "from flamepy import FlameRunner, MissingModule\n"
        "import jobs\n"
        "with FlameRunner('test') as runner:\n"
        "    try:\n"
        "        runner.service(jobs.work)\n"
        "    except MissingModule as error:\n"
        "        print(error)\n"
    )
    assert "helpers" in done.stdout
    assert "jobs.py" in done.stdout
    assert ".flameignore" in done.stdout


def test_a_constructor_that_raises_fails_the_calls(runner):
    service = runner.service(classes.FailsToStart)
    expr = service.use()
    with pytest.raises(ServiceFailed, match="no such shelf") as caught:
        expr.get()
    assert "LookupError" in str(caught.value)
    assert isinstance(caught.value.__cause__, LookupError)
    with pytest.raises(ServiceFailed):
        service.use().get()


def test_a_class_with_a_constructor_that_needs_arguments(runner):
    class Needy:
        def __init__(self, value):
            self.value = value

        def get(self):
            return self.value

    with pytest.raises((ServiceError, ServiceFailed), match="value"):
        runner.service(Needy).get().get()


@pytest.mark.parametrize("instances", [0, -1, (2, 1), (-1, 1)])
def test_wrong_instances(runner, instances):
    with pytest.raises(ServiceError, match="instances"):
        runner.service(functions.add, instances=instances)


def test_an_instance_has_one_executor(runner):
    with pytest.raises(ServiceError, match="its class"):
        runner.service(classes.Counter(), instances=2)


# ---- wrong names and arguments


def test_a_wrong_name_gets_a_suggestion(runner):
    counter = runner.service(classes.Counter)
    with pytest.raises(AttributeError, match=r"did you mean 'get_counter'\?"):
        counter.get_conter()
    with pytest.raises(AttributeError, match="add, add_from, get_counter"):
        counter.zzz  # noqa: B018
    assert not hasattr(counter, "_secret")
    assert not hasattr(counter, "count")


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1,), {}), ((1, 2, 3), {}), ((1,), {"c": 2}), ((1, 2), {"a": 1}), ((), {"b": 1})],
)
def test_wrong_arguments_of_a_function(runner, args, kwargs):
    add = runner.service(functions.add)
    with pytest.raises(TypeError, match=r"add\(a: .?int.?, b: .?int.?\)"):
        add(*args, **kwargs)
    assert add(1, b=2).get() == 3


def test_wrong_arguments_of_a_method(runner):
    counter = runner.service(classes.Loud)
    for call in (
        lambda: counter.add(),
        lambda: counter.add(1, 2),
        lambda: counter.get_counter(1),
        lambda: counter.double(),
        lambda: counter.who(1, 2),
        lambda: counter.who(sufix="?"),
        lambda: counter(),
    ):
        with pytest.raises(TypeError):
            call()
    assert counter.get_counter().get() == 1000


def test_wrong_arguments_of_a_partial(runner):
    service = runner.service(functools.partial(functions.add, 1))
    with pytest.raises(TypeError):
        service(1, 2)
    assert service(1).get() == 2


def test_wrong_arguments_are_found_before_anything_is_sent(runner, tmp_path):
    announce = runner.service(functions.announce)
    with pytest.raises(TypeError):
        announce(str(tmp_path / "a"), str(tmp_path / "b"))
    announce(str(tmp_path / "c")).get()
    assert [path.name for path in tmp_path.iterdir() if path.name in "abc"] == ["c"]


def test_a_service_without_call_says_what_it_has(runner):
    counter = runner.service(classes.Counter)
    for use in (lambda: counter(1), lambda: counter.map([1]), lambda: counter.options(timeout=1)):
        with pytest.raises(TypeError, match="Counter"):
            use()


# ---- how it looks


def test_dir_lists_the_methods(runner):
    names = dir(runner.service(classes.Loud))
    assert {"add", "get_counter", "double", "who", "map", "options", "close", "call"} <= set(names)
    assert not {"_secret", "count", "limit"} & set(names)


def test_signatures_and_documentation(runner):
    counter, add = runner.service(classes.Counter), runner.service(functions.add)
    assert list(inspect.signature(counter.add).parameters) == ["a"]
    assert list(inspect.signature(add).parameters) == ["a", "b"]
    assert counter.add.__doc__ == "Add ``a`` to the count."
    assert counter.add.__name__ == "add"
    assert "Add two numbers." in inspect.getdoc(add)


def test_help(runner):
    counter, add = runner.service(classes.Counter), runner.service(functions.add)
    assert "Add ``a`` to the count." in pydoc.render_doc(counter.add)
    assert "Add two numbers." in pydoc.render_doc(add)
    assert "get_counter" in pydoc.render_doc(counter)


def test_reprs(make_runner):
    runner = make_runner("shop")
    assert repr(runner) == "<FlameRunner shop: closed, 0 services>"
    with runner:
        counter = runner.service(classes.Counter, name="till")
        assert repr(runner) == "<FlameRunner shop: open, 1 services>"
        assert repr(counter) == "<FlameRunnerService till: add, add_from, get_counter>"
        assert repr(counter.add) == "<remote method till.add>"
        assert repr(runner.service(functions.add)) == "<FlameRunnerService add: ()>"
        assert "Add ``a`` to the count." in counter._repr_html_()
    assert "closed" in repr(runner)


def test_reprs_of_results(runner, tmp_path):
    wait, identity = runner.service(functions.wait_for_file), runner.service(functions.identity)
    expr = wait(str(tmp_path / "go"))
    assert repr(expr) == "<ObjectExpr pending>"
    (tmp_path / "go").touch()
    expr.get()
    assert "done" in repr(expr)
    short, long = identity(7), identity("x" * 500)
    assert short.get() == 7
    long.get()
    assert repr(short) == "<ObjectExpr done: 7>"
    assert len(repr(long)) < 100
    failed = runner.service(functions.add)(1, "x")
    failed.exception()
    assert repr(failed) == "<ObjectExpr failed: TypeError>"
    assert "ObjectExpr" in failed._repr_html_()
