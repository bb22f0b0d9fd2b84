"""When pickling fails: which part of the object is to blame, as the path a person would write."""

from __future__ import annotations

from flamepy.errors import SerializationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Try = Callable[[object], object]

MAX_STEPS = 200
"""Parts looked at before the search gives up; the message then names the path so far."""


def explain(obj: object, error: Exception, what: str, try_to_pickle: Try) -> SerializationError:
    """Make the error for an object that cannot be pickled.

    Args:
        obj: The object; for arguments the tuple of them, or ``[tuple, dict]``.
        error: What pickling it raised.
        what: ``argument`` or ``value``, for the message.
        try_to_pickle: Raises for what cannot be pickled, `flamepy.serialization.codec.probe` for example.
    """
    if isinstance(error, SerializationError):
        return error
    path, culprit = _descend(obj, try_to_pickle)
    if what == "argument":
        path = _argument_path(obj, path)
    place = f"{what} {path}".strip() if path else f"the {what}"
    return SerializationError(
        f"{place} cannot be sent to an executor: {error} (type {type(culprit).__qualname__}); "
        "leave it out, create it inside the task, or give its class a __reduce__",
        path=path,
        type_name=type(culprit).__qualname__,
    )


def _descend(obj: object, try_to_pickle: Try) -> tuple[str, object]:
    path, steps, seen = "", 0, {id(obj)}
    while True:
        for step, part in _parts(obj):
            steps += 1
            if id(part) not in seen and steps < MAX_STEPS and not _pickles(part, try_to_pickle):
                path, obj = path + step, part
                seen.add(id(part))
                break
        else:
            return path, obj


def _parts(obj: object) -> Iterator[tuple[str, object]]:
    if isinstance(obj, dict):
        yield from ((f"[{key!r}]", value) for key, value in list(obj.items()))
    elif isinstance(obj, list | tuple | set | frozenset):
        yield from ((f"[{index}]", value) for index, value in enumerate(obj))
    elif callable(obj) and getattr(obj, "__closure__", None):
        names = obj.__code__.co_freevars  # type: ignore[attr-defined]
        cells = zip(names, obj.__closure__, strict=False)  # type: ignore[attr-defined]
        yield from ((f".<closure {name}>", cell.cell_contents) for name, cell in cells)
    elif isinstance(getattr(obj, "__dict__", None), dict) and not isinstance(obj, type):
        yield from ((f".{name}", value) for name, value in list(vars(obj).items()))


def _pickles(obj: object, try_to_pickle: Try) -> bool:
    try:
        try_to_pickle(obj)
    except Exception:
        return False
    return True


def _argument_path(obj: object, path: str) -> str:
    if isinstance(obj, list) and path.startswith("[1]"):
        return path[3:]
    if isinstance(obj, list) and path.startswith("[0]"):
        path = path[3:]
    if path.startswith("["):
        number, _, rest = path[1:].partition("]")
        return f"{int(number) + 1}{rest}" if number.isdigit() else path
    return path
