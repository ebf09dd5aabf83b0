"""The parser of a command: its help fits a screen, and completion reads its options."""

import argparse
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Adds(Protocol):
        """Adds an option: `add_argument`."""

        def __call__(self, *flags: str, **keywords: object) -> argparse.Action:
            """Add one."""


WIDTH = 80
"""Columns of the help, on whatever screen."""

OF_ITEMS = "[options] TARGET [::: ITEM ...]"
"""The usage of a command that has items."""


class Option(NamedTuple):
    """An option, for completion."""

    flags: tuple[str, ...]
    about: str
    value: str | None
    """The name of its value; None: it takes none."""
    choices: tuple[str, ...]
    repeats: bool

    @property
    def takes_file(self) -> bool:
        """Whether the value names a file."""
        return self.value == "FILE"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves more room for the texts."""

    def __init__(self, prog: str, **options: object) -> None:
        options |= {"max_help_position": 24, "width": WIDTH}
        super().__init__(prog, **options)  # type: ignore[arg-type]  # of argparse


class Parser(argparse.ArgumentParser):
    """A parser of one command; in its help stand all options, or the main ones."""

    def __init__(
        self,
        command: str,
        about: str,
        more: str,
        *,
        usage: str = OF_ITEMS,
        main: frozenset[str] | None = None,
    ) -> None:
        """command: its name. about: before the options. more: behind. main: flags; None: all."""
        super().__init__(
            prog=f"interpexec {command}",
            usage=f"%(prog)s {usage}",
            description=about,
            epilog=more,
            formatter_class=_Formatter,
            add_help=False,
        )
        self._main = main
        self.options: list[Option] = []
        """All options, in their order."""
        if usage == OF_ITEMS:
            # To a group: the parser itself would make a formatter, and import what prints colours.
            self.add_argument_group().add_argument(
                "target", metavar="TARGET", help=argparse.SUPPRESS
            )

    def group(self, title: str) -> "Adds":
        """Return the function that adds an option to a group."""
        group, main = self.add_argument_group(title), self._main

        def add(*flags: str, **keywords: object) -> argparse.Action:
            if main is not None and main.isdisjoint(flags):
                keywords["help"] = argparse.SUPPRESS
            action: argparse.Action = group.add_argument(*flags, **keywords)  # type: ignore[arg-type]  # of argparse
            if action.option_strings:
                self.options.append(_option(action, repeats=keywords.get("action") == "append"))
            return action

        return add


def _option(action: argparse.Action, *, repeats: bool) -> Option:
    return Option(
        flags=tuple(action.option_strings),
        about=(action.help or "") % vars(action),
        value=str(action.metavar) if action.nargs is None else None,
        choices=tuple(action.choices or ()),
        repeats=repeats,
    )
