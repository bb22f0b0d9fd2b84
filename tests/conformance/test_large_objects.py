"""Large buffers: they arrive whole and read-only, and stay valid for as long as anybody looks at them."""

from __future__ import annotations

import gc

import pytest
from workshop import classes, functions

import flamepy

numpy = pytest.importorskip("numpy")

KIB, MIB = 1 << 10, 1 << 20


def array_of(size: int, seed: int = 0):
    return numpy.random.default_rng(seed).integers(0, 256, size, dtype=numpy.uint8)


@pytest.mark.parametrize(
    "size", [0, 1, 1023, 1024, 1025, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB, 16 * MIB + 3, 64 * MIB]
)
def test_arrays_of_any_size(runner, size):
    array = array_of(size)
    identity = runner.service(functions.identity)
    expr = identity(array)
    back = expr.get()
    assert back.dtype == array.dtype
    assert numpy.array_equal(back, array)
    again = identity(expr).get()
    assert numpy.array_equal(again, array)


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("size", [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 5 * MIB])
def test_bytes_and_bytearrays(runner, kind, size):
    value = kind(array_of(size).tobytes())
    result = runner.service(functions.identity)(value).get()
    assert type(result) is kind
    assert result == value
    if kind is bytearray:
        result.append(1)


@pytest.mark.parametrize("size", [64 * KIB, 5 * MIB])
def test_long_texts(runner, size):
    value = "aé😀" * (size // 3)
    assert runner.service(functions.identity)(value).get() == value


def test_nested_dicts_of_arrays(runner):
    value = {
        "layers": [{"w": array_of(300_000, n).reshape(300, 1000), "b": array_of(10, n)} for n in range(5)],
        "name": "net",
    }
    result = runner.service(functions.identity)(value).get()
    assert result["name"] == "net"
    for old, new in zip(value["layers"], result["layers"], strict=True):
        assert numpy.array_equal(old["w"], new["w"])
        assert numpy.array_equal(old["b"], new["b"])


@pytest.mark.parametrize(
    "array",
    [
        numpy.arange(200_000, dtype="f8").reshape(400, 500).T,
        numpy.asfortranarray(numpy.arange(200_000, dtype="i4").reshape(400, 500)),
        numpy.arange(200_000, dtype="f4")[::3],
        numpy.arange(200_000, dtype=">i8"),
        numpy.zeros((0, 7)),
        numpy.array(5.0),
        numpy.array(["a", "longer"], dtype=object),
        numpy.array([(1, 2.0)] * 20_000, dtype=[("a", "i4"), ("b", "f8")]),
        numpy.arange(100_000) > 5,
        numpy.arange("2020-01-01", "2400-01-01", dtype="datetime64[D]"),
    ],
    ids=["transposed", "fortran", "strided", "big-endian", "empty", "scalar", "objects", "records", "bools", "dates"],
)
def test_arrays_of_any_shape(runner, array):
    result = runner.service(functions.identity)(array).get()
    assert result.dtype == array.dtype
    assert result.shape == array.shape
    assert numpy.array_equal(result, array)


def test_arrays_are_read_only_on_arrival(runner):
    writable = runner.service(lambda array: array.flags.writeable)
    large = array_of(MIB)
    assert writable(large).get() is False
    assert writable(runner.put(large)).get() is False
    assert runner.service(functions.identity)(large).get().flags.writeable is False
    assert large.flags.writeable


def test_the_senders_array_may_change_after_the_call(runner, tmp_path):
    array = numpy.ones(MIB, dtype=numpy.uint8)
    log = runner.service(classes.Log)
    log.write_when(0, str(tmp_path / "go"))
    log.write(array)
    expr = runner.put(array)
    array[:] = 2
    (tmp_path / "go").touch()
    assert log.read().get()[1].sum() == MIB
    assert expr.get().sum() == MIB


def test_an_argument_kept_by_an_instance_stays_valid(runner):
    keeper, size = runner.service(classes.Keeper), runner.service(functions.identity)
    kept = numpy.full(MIB, 7, dtype=numpy.uint8)
    keeper.keep(kept)
    for number in range(20):  # buffers are recycled meanwhile
        assert size(numpy.full(MIB, number, dtype=numpy.uint8)).get().sum() == number * MIB
    assert keeper.summary().get() == 7 * MIB
    assert numpy.array_equal(keeper.give().get(), kept)


def test_an_argument_kept_by_an_instance_through_an_expr_stays_valid(runner):
    keeper, make = runner.service(classes.Keeper), runner.service(lambda n: numpy.full(MIB, n, dtype=numpy.uint8))
    keeper.keep(make(7))
    keeper.keep(make(9)).get()
    gc.collect()
    for number in range(20):
        assert make(number).get().sum() == number * MIB
    assert keeper.summary().get() == 9 * MIB


def test_a_result_outlives_its_handle(runner):
    make = runner.service(lambda n: numpy.full(MIB, n, dtype=numpy.uint8))
    results = [make(n).get() for n in range(10)]
    gc.collect()
    more = [make(100 + n).get() for n in range(10)]
    assert [int(array[0]) for array in results + more] == [*range(10), *range(100, 110)]
    assert all((array == array[0]).all() for array in results + more)


def test_a_result_outlives_its_runner(make_runner):
    with make_runner() as runner:
        array = runner.service(lambda: numpy.full(MIB, 3, dtype=numpy.uint8))().get()
        unseen = runner.service(lambda: numpy.full(MIB, 4, dtype=numpy.uint8))()
    assert array.sum() == 3 * MIB
    assert unseen.get().sum() == 4 * MIB


def test_a_view_of_a_result_stays_valid(runner):
    make = runner.service(lambda n: numpy.full(MIB, n, dtype=numpy.uint8))
    part = make(5).get()[1000:2000]
    gc.collect()
    for number in range(10):
        make(number).get()
    assert (part == 5).all()


def test_an_object_is_used_by_many_tasks(runner):
    array = array_of(4 * MIB)
    expr = runner.put(array)
    mean = runner.service(lambda a, n: int(a[n]))
    assert flamepy.get(mean.map([expr] * 100, range(100))) == [int(n) for n in array[:100]]


def test_an_object_is_freed_when_its_handle_goes_but_not_under_a_task(runner, tmp_path):
    log = runner.service(classes.Log)
    log.write_when(0, str(tmp_path / "go"))
    log.write(runner.put(numpy.full(MIB, 5, dtype=numpy.uint8)))
    gc.collect()
    for number in range(10):
        runner.put(numpy.full(MIB, number, dtype=numpy.uint8))
    (tmp_path / "go").touch()
    assert log.read().get()[1].sum() == 5 * MIB


def test_results_pass_from_service_to_service(runner):
    make = runner.service(lambda n: numpy.full(MIB, n, dtype=numpy.uint8))
    increase = runner.service(lambda a: a + 1)
    expr = make(1)
    for _ in range(5):
        expr = increase(expr)
    assert expr.get().sum() == 6 * MIB


@pytest.mark.engine(
    "local", "flame", "flame-v1", "flame-abroad", why="Ray has a store of its own, with a limit of its own"
)
def test_more_objects_than_memory_for_them(make_runner):
    with make_runner(object_memory=16 * MIB) as runner:
        exprs = [runner.put(numpy.full(4 * MIB, n, dtype=numpy.uint8)) for n in range(12)]
        first = runner.service(lambda a: int(a[0]))
        assert flamepy.get(first.map(exprs)) == list(range(12))
        assert [int(expr.get()[-1]) for expr in exprs] == list(range(12))
        made = runner.service(lambda n: numpy.full(4 * MIB, n, dtype=numpy.uint8)).map(range(12))
        assert [int(expr.get()[-1]) for expr in made] == list(range(12))


def test_many_large_calls_in_a_row(runner):
    total = runner.service(lambda a: int(a.sum()), instances=1)
    arrays = [numpy.full(MIB, n, dtype=numpy.uint8) for n in range(4)]
    exprs = [total(arrays[n % 4]) for n in range(100)]
    assert flamepy.get(exprs) == [(n % 4) * MIB for n in range(100)]
