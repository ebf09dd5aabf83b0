"""The kinds of results: the bytes that stand on stdout for a value. In workers.

The name of an output is a kind, and what goes with it: "text", "json+keep", "text+tag", ...
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    type Write = Callable[[object, str], object]

KINDS = ("text", "jsonl", "repr", "null")

_ERRORS = "surrogateescape"


def writer_of(output: str, encoding: str) -> "Write":
    """Return a function that makes bytes of a value, and of its item."""
    kind, _, more = output.partition("+")
    if kind == "value":
        return lambda value, _: value
    end = "\0" if kind == "null" else "\n"
    if more == "filter":
        return lambda value, item: f"{item}{end}".encode(encoding, _ERRORS) if value else b""
    text_of = _texts(kind)
    if not more:
        plain = str if text_of is str else None

        def write(value: object, _: str) -> bytes:
            if type(value) is plain:  # most are: the shortest way takes half of the time
                return (value + end).encode(encoding, _ERRORS)
            if value is None:
                return b""
            # `join` makes a plain str even of an instance of a subclass.
            return "".join((text_of(value), end)).encode(encoding, _ERRORS)

        return write
    beside = {"keep": _kept_json if kind == "jsonl" else _kept, "tag": _tagged}[more]

    def write_beside(value: object, item: str) -> bytes:
        if value is None:
            return b""
        return "".join((beside(item, text_of(value)), end)).encode(encoding, _ERRORS)

    return write_beside


def _texts(kind: str) -> "Callable[[object], str]":
    if kind == "repr":
        return repr
    if kind == "jsonl":
        from functools import partial
        from json import dumps  # only here

        return partial(dumps, ensure_ascii=False)
    return str


def _kept(item: str, text: str) -> str:
    return f"{item}\t{text}"


def _kept_json(item: str, text: str) -> str:
    from json import dumps, loads  # only here

    try:
        value = loads(item)
    except ValueError:
        value = item  # it is no JSON: a line
    return f'{{"item": {dumps(value, ensure_ascii=False)}, "result": {text}}}'


def _tagged(item: str, text: str) -> str:
    return "\n".join([f"{item}\t{line}" for line in text.split("\n")])
