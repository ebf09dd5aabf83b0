"""`--dry-run` and `--explain`: what would be done, without doing it."""

from interpexec.cli._parse import parse_function
from interpexec.cli._task import ExpressionTask, Prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from interpexec.cli._items import Source
    from interpexec.cli._report import Output
    from interpexec.cli._task import Task


def dry_run(arguments: "Namespace", source: "Source", output: "Output") -> int:
    """Print a call for each item, and make none. Returns 0."""
    for block in source.blocks:
        lines = [f"{arguments.target}\t{item}\n" for item in block]
        output.write("".join(lines).encode(output.encoding, "surrogateescape"))
        output.flush()
    return 0


def explain(
    arguments: "Namespace", items: "list[str] | None", task: "Task", output: "Output"
) -> int:
    """Print a Python program that does the same. Returns 0."""
    output.write(program(arguments, items, task).encode(output.encoding, "surrogateescape"))
    output.flush()
    return 0


def program(arguments: "Namespace", items: "list[str] | None", task: "Task") -> str:
    """Return the text of the program: the task, the items, and the results, as far as they go."""
    parts = [*_imports(arguments, items), "", "", *_task(arguments, task), "", ""]
    parts += _items(arguments, items, is_numbered=task.uses_number)
    pool = f"InterpreterPoolExecutor({_pool_arguments(arguments)})"
    options = _options(arguments)
    run = f"pool.with_options({options})" if options else "pool"
    more = f", chunksize={arguments.chunksize}" if arguments.chunksize else ""
    ordered = ", ordered=False" if arguments.unordered else ""
    parts += [
        "results = []" if arguments.reduce else "",
        f"with {pool} as pool:",
        f"    for outcome in {run}.outcomes(evaluate, items(), buffersize=10_000{more}{ordered}):",
        "        if outcome.error is not None:",
        '            print(f"item {outcome.index + 1}: {outcome.error!r}", file=sys.stderr)',
        *_result(arguments),
        *_reduction(arguments.reduce),
        "",
    ]
    return "\n".join(parts)


def _imports(arguments: "Namespace", items: "list[str] | None") -> list[str]:
    names = {"sys"}
    if arguments.jsonl or arguments.output == "jsonl":
        names.add("json")
    if arguments.csv and items is None:
        names.add("csv")
    lines = [f"import {name}" for name in sorted(names)]
    if arguments.batch:
        lines.append("from itertools import batched")
    if arguments.reduce not in {None, "sum", "min", "max", "count"}:
        lines.append("from functools import reduce")
    return [*lines, "", "from interpexec import InterpreterPoolExecutor"]


def _task(arguments: "Namespace", task: "Task") -> list[str]:
    if isinstance(task, Prepared):
        return _task(arguments, task.task)
    lines = [*arguments.setup.splitlines(), "", "", "def evaluate(x):"]
    if isinstance(task, ExpressionTask):
        lines += [f"    import {module}" for module in task.modules]
        call = arguments.target.strip()
        if task.uses_number:
            lines.append("    i, x = x")
    elif task.is_file:
        call = "function(**x)" if arguments.kwargs else "function(x)"
        lines += ["    from runpy import run_path", ""]
        lines.append(f"    function = run_path({task.module!r})[{task.attribute!r}]")
    else:
        lines.append(f"    import {task.module}")
        call = f"{task.module}.{task.attribute}({'**x' if arguments.kwargs else 'x'})"
    lines += _opened(arguments)
    return [*lines, "", f"    return {call}"]


def _opened(arguments: "Namespace") -> list[str]:
    """Return the lines that read the file which an item names."""
    for name, mode in ("text", "r"), ("bytes", "rb"):
        if getattr(arguments, name):
            return [f"    with open(x, {mode!r}) as file:", "        x = file.read()"]
    return ['    x = open(x, "rb")'] if arguments.files else []


def _items(arguments: "Namespace", items: "list[str] | None", *, is_numbered: bool) -> list[str]:
    lines = ["def items():"]
    if items is not None:
        source = repr(items)
    elif arguments.csv:
        source = f"csv.DictReader({_file(arguments)})"
    elif arguments.null or arguments.delimiter:
        end = "\0" if arguments.null else arguments.delimiter
        lines.append(f"    text = {_file(arguments)}.read()")
        source = f"(text.removesuffix({end!r}).split({end!r}) if text else [])"
    else:
        source = f'(line.removesuffix("\\n") for line in {_file(arguments)})'
    if arguments.jsonl:
        source = f"map(json.loads, {source})"
    if arguments.batch:
        source = f"map(list, batched({source}, {arguments.batch}))"
    if is_numbered:
        source = f"enumerate({source})"
    return [*lines, f"    return {source}", ""]


def _reduction(text: str | None) -> list[str]:
    """Return the lines that print one result of all."""
    if not text:
        return []
    if text in {"sum", "min", "max"}:
        return [f"print({text}(results))"]
    if text == "count":
        return ["print(len(results))"]
    return ["print(reduce(lambda a, b: " + text.strip() + ", results))"]


def _file(arguments: "Namespace") -> str:
    paths = arguments.arg_file or ["-"]
    if paths == ["-"]:
        return "sys.stdin"
    if len(paths) == 1:
        return f"open({paths[0]!r})"
    return f'__import__("fileinput").input({paths!r})'


def _pool_arguments(arguments: "Namespace") -> str:
    given = [str(arguments.jobs)]
    if arguments.init:
        init = parse_function(arguments.init, "--init")
        given.append(f"initializer=__import__({init.module!r}).{init.attribute}")
    if arguments.max_tasks_per_child:
        given.append(f"max_tasks_per_child={arguments.max_tasks_per_child}")
    return ", ".join(given)


def _options(arguments: "Namespace") -> str:
    given = []
    if arguments.timeout is not None:
        given.append(f"timeout={arguments.timeout:g}")
    if arguments.retries:
        given.append(f"retries={arguments.retries}")
    return ", ".join(given)


def _result(arguments: "Namespace") -> list[str]:
    value, item = "outcome.value", "outcome.item"
    if arguments.reduce:
        return [f"        elif {value} is not None:", f"            results.append({value})"]
    if arguments.filter:
        return [f"        elif {value}:", f"            print({item})"]
    kind = arguments.output or ("jsonl" if arguments.jsonl else "text")
    shown = {"jsonl": f"json.dumps({value})", "repr": f"repr({value})"}.get(kind, value)
    beside = f'{item}, {shown}, sep="\\t"' if arguments.keep or arguments.tag else shown
    end = ', end="\\0"' if kind == "null" else ""
    return [f"        elif {value} is not None:", f"            print({beside}{end})"]
