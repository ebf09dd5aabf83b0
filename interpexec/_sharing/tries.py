"""How the stream of a definition is written: the first way that succeeds."""

from types import ModuleType

from interpexec._core.cpython import own_builtins
from interpexec._sharing import loading
from interpexec._sharing.importable import found_by_name
from interpexec._sharing.stream import Stream

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class WithoutAnnotations(Stream):
    """The second try, where something cannot be sent: few functions look at their annotations."""

    has_annotations = False


class WithLoadedModules(WithoutAnnotations):
    """The last try: modules from files that no worker finds are loaded from these there."""

    def by_value(self, obj: "Any") -> "Any":
        """Return what loads the module of a function or a class, and finds it there."""
        if found_by_name(obj) and obj.__module__ != "__main__":
            source = loading.source_of_definition(obj)
            if source is not None:
                return loading.load_definition, source
        return super().by_value(obj)

    def definition(self, obj: object) -> "Any":
        """Return what loads a module; or write the parts of something."""
        source = loading.source_of(obj) if isinstance(obj, ModuleType) else None
        return super().definition(obj) if source is None else (loading.load, source)


TRIES: tuple[type[Stream], ...] = Stream, WithoutAnnotations, WithLoadedModules
