"""`interpexec completion`: a script by which a shell completes commands, options and values.

It is made of the parsers, so it offers what they take.
"""

import sys
from importlib import import_module

from interpexec.cli._commands import SUBCOMMANDS
from interpexec.cli._parser import Parser
from interpexec.cli._report import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from interpexec.cli._parser import Option

    type Options = Mapping[str, Sequence[Option]]

_DESCRIPTION = """\
Print a script for a shell, which then completes commands, options and their
values (Tab)."""

_EPILOG = """\
examples:
  interpexec completion bash >> ~/.bash_completion
  interpexec completion zsh > ~/.zfunc/_interpexec  # a folder of $fpath
  interpexec completion fish > ~/.config/fish/completions/interpexec.fish"""


def run(argv: "Sequence[str]") -> int:
    """Carry out `interpexec completion` with these arguments; return the exit code.

    Raises UsageError, SystemExit where argparse does, and BrokenPipeError.
    """
    write = _SHELLS[make_parser().parse_args(argv).shell]
    modules = {name: import_module(module) for name, (module, _) in SUBCOMMANDS.items()}
    options = {name: module.make_parser().options for name, module in modules.items()}
    output = Output(sys.stdout)
    output.write("".join(f"{line}\n" for line in write(options)).encode())
    output.flush()
    return 0


def make_parser() -> Parser:
    """Make the parser of the options."""
    usage = f"{{{','.join(_SHELLS)}}}"
    parser = Parser("completion", _DESCRIPTION, _EPILOG, usage=usage)
    add = parser.group("options")
    add("shell", choices=_SHELLS, help="the shell that reads the script")
    add("-h", "--help", action="help", help="show this help")
    return parser


def _quoted(text: str) -> str:
    """Quote for any of the three shells: `bash` and `zsh` end the string, `fish` does not mind."""
    return "'" + text.replace("'", "'\\''") + "'"


# -- bash --------------------------------------------------------------------------------

_BASH = """\
# Completion of `interpexec` for bash.
_interpexec_of() {{  # one of some words, and no file
    compopt +o default 2> /dev/null
    COMPREPLY=($(compgen -W "$1" -- "$current"))
}}
_interpexec() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} word
    local command=${{COMP_WORDS[1]}} words=
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _interpexec_of '{commands} --help --version'
        return
    fi
    for word in "${{COMP_WORDS[@]:2:COMP_CWORD-2}}"; do
        [[ $word == ::: ]] && return  # items: files, by default
    done
    if [[ $current == '=' ]]; then
        current=
    elif [[ $before == '=' ]]; then
        before=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    case "$command $before" in
{values}
    esac
    case $command in
{options}
    esac
    [[ $current == -* || $command == completion ]] && _interpexec_of "$words"
}}
complete -o default -F _interpexec interpexec"""


def _bash(options: "Options") -> "Iterator[str]":
    values, words = [], []
    for command, each in options.items():
        flags = [flag for option in each for flag in option.flags]
        if command == "completion":
            flags += _SHELLS
        words.append(f"        {command}) words='{' '.join(flags)}' ;;")
        kinds: dict[str, list[str]] = {}
        for option in each:
            if option.value is not None:
                step = (
                    "return" if option.takes_file else f"_interpexec_of '{_words(option)}'; return"
                )
                kinds.setdefault(step, []).extend(f"'{command} {flag}'" for flag in option.flags)
        values += [f"        {'|'.join(places)}) {step} ;;" for step, places in kinds.items()]
    commands = " ".join(options)
    yield _BASH.format(commands=commands, values="\n".join(values), options="\n".join(words))


def _words(option: "Option") -> str:
    return " ".join(option.choices)


# -- zsh ---------------------------------------------------------------------------------


def _zsh(options: "Options") -> "Iterator[str]":
    yield "#compdef interpexec"
    yield "# Completion of `interpexec` for zsh."
    yield "_interpexec() {"
    yield "    local -a commands=("
    for name, (_, summary) in SUBCOMMANDS.items():
        yield f"        {_quoted(f'{name}:{summary}')}"
    yield "    )"
    yield "    if (( CURRENT == 2 )); then"
    yield "        _describe command commands"
    yield "        return"
    yield "    fi"
    yield "    shift words"
    yield "    (( CURRENT-- ))"
    yield "    if (( ${words[(I):::]} && ${words[(I):::]} < CURRENT )); then"
    yield "        _files"
    yield "        return"
    yield "    fi"
    yield "    case $words[1] in"
    for command, each in options.items():
        yield f"        {command})"
        yield "            _arguments -S \\"
        for option in each:
            yield f"                {_zsh_spec(option)} \\"
        shells = (
            f"'1:shell:({' '.join(_SHELLS)})'" if command == "completion" else "'*:item:_files'"
        )
        yield f"                {shells}"
        yield "            ;;"
    yield "    esac"
    yield "}"
    yield "if [[ $funcstack[1] == _interpexec ]]; then"
    yield '    _interpexec "$@"'
    yield "else"
    yield "    compdef _interpexec interpexec"
    yield "fi"


def _zsh_spec(option: "Option") -> str:
    escapes = {ord(each): f"\\{each}" for each in "[]:\\"}
    about, value = option.about.translate(escapes), ""
    if option.value is not None:
        kind = "_files" if option.takes_file else f"({_words(option)})"
        value = f":{option.value.translate(escapes)}:{kind}"
    before = "*" if option.repeats else f"({' '.join(option.flags)})"
    names = option.flags[0] if len(option.flags) == 1 else f"'{{{','.join(option.flags)}}}'"
    return f"'{before}{names}" + f"[{about}]{value}".replace("'", "'\\''") + "'"


# -- fish --------------------------------------------------------------------------------


def _fish(options: "Options") -> "Iterator[str]":
    yield "# Completion of `interpexec` for fish."
    for name, (_, summary) in SUBCOMMANDS.items():
        yield (
            f"complete -c interpexec -n __fish_use_subcommand -f -a {name} -d {_quoted(summary)}"
        )
    for command, each in options.items():
        when = (
            f"'__fish_seen_subcommand_from {command}; and not contains -- ::: (commandline -opc)'"
        )
        for option in each:
            yield f"complete -c interpexec -n {when} {_fish_spec(option)}"
    yield (
        "complete -c interpexec -n '__fish_seen_subcommand_from completion' -f"
        f" -a {_quoted(' '.join(_SHELLS))}"
    )


def _fish_spec(option: "Option") -> str:
    parts = [
        f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags
    ]
    if option.value is not None:
        parts.append("-r -F" if option.takes_file else f"-x -a {_quoted(_words(option))}")
    return " ".join([*parts, "-d", _quoted(option.about)])


_SHELLS: "dict[str, Callable[[Options], Iterator[str]]]" = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
