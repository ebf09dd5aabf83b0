"""The state of a group, for its tests."""

from interpexec import Group
from interpexec._pool.group import OVER


def is_over(group: Group) -> bool:
    """Say whether a group keeps nothing."""
    nothing = (group._count, group._calls, group._errors, group._stopped) == (0, set(), [], [])
    return nothing and group._state == OVER
