"""Items that are more than a line: rows of CSV, batches, lines of JSON.

Workers get text: a row and a batch are sent as JSON.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from interpexec.cli._items import Blocks


def without_empty(blocks: "Blocks") -> "Blocks":
    """Yield the lines that are not empty: between JSON values, others mean nothing."""
    for block in blocks:
        if kept := [line for line in block if line and not line.isspace()]:
            yield kept


def rows(blocks: "Blocks") -> "Generator[list[str]]":
    """Yield each row of CSV as a JSON object; the first row names the fields.

    blocks: of lines. Raises ValueError for a row with more fields than there are names.
    """
    from csv import reader  # only here
    from json import dumps  # only here

    names: list[str] | None = None
    count = 0
    for lines in _whole(blocks):
        made = []
        for row in reader(f"{line}\n" for line in lines):
            count += 1
            if names is None:
                names = row
            elif len(row) > len(names):
                message = f"row {count} has {len(row)} fields, and there are {len(names)} names"
                raise ValueError(message)
            elif row:  # an empty line is no row
                values = [*row, *[None] * (len(names) - len(row))]
                made.append(dumps(dict(zip(names, values, strict=True))))
        if made:
            yield made


def _whole(blocks: "Blocks") -> "Generator[list[str]]":
    """Yield lines that are whole rows together: a field in quotes may have newlines."""
    pending: list[str] = []
    quotes = 0
    for block in blocks:
        pending += block
        quotes += sum(line.count('"') for line in block)
        if quotes % 2 == 0:
            yield pending
            pending, quotes = [], 0
    if pending:
        yield pending


def batches(blocks: "Blocks", size: int) -> "Generator[list[str]]":
    """Yield lists of batches, each a JSON list of so many items; the last one may have fewer."""
    from json import dumps  # only here

    pending: list[str] = []
    for block in blocks:
        pending += block
        whole = len(pending) // size * size
        if made := [dumps(pending[at : at + size]) for at in range(0, whole, size)]:
            yield made
        del pending[:whole]
    if pending:
        yield [dumps(pending)]
