"""The reference of the documentation has every public name."""

import inspect
import re
from importlib import import_module

import pytest

import interpexec
from documents import ROOT, document

document("docs/reference.md")
PAGES = [path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md")]
NAMED = re.findall(r"^\.\. auto\w+:: interpexec\.(\S+)$", "\n".join(PAGES), re.MULTILINE)
pytestmark = pytest.mark.fast


def public_names() -> set[str]:
    """Return what users may import, each object by its shortest name."""
    names = set(interpexec.__all__)
    for module in interpexec._SUBMODULES:
        for name in import_module(f"interpexec.{module}").__all__:
            known = getattr(interpexec, name, None) if name in interpexec.__all__ else None
            if known is not getattr(import_module(f"interpexec.{module}"), name):
                names.add(f"{module}.{name}")
    return names


def test_every_public_name_is_in_the_reference() -> None:
    """Once, and no other name."""
    assert sorted(NAMED) == sorted(public_names())


@pytest.mark.parametrize("name", sorted(public_names()))
def test_every_public_name_has_a_docstring(name: str) -> None:
    """The reference is made of these; a class has one for each of its public methods."""
    *module, last = name.split(".")
    value = getattr(import_module(".".join(["interpexec", *module])), last)
    assert inspect.getdoc(value)
    for attribute, method in inspect.getmembers(value, inspect.isfunction):
        is_ours = method.__module__.startswith("interpexec")
        assert attribute.startswith("_") or not is_ours or inspect.getdoc(method), attribute
