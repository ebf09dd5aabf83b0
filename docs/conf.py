"""How the documentation is built: `python -m sphinx -W --keep-going docs build/docs`."""

import sys
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import docstrings

import interpexec

project = "interpexec"
author = copyright = "the interpexec authors"  # noqa: A001  # Sphinx's name
version = release = interpexec.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
html_theme = "furo"
html_title = f"interpexec {release}"
myst_heading_anchors = 3
copybutton_prompt_text = "$ "
default_role = "code"
autodoc_member_order = "bysource"
autoclass_content = "both"
add_module_names = False


def setup(app: object) -> None:
    """Let docstrings be read as they are written, and show one signature of each method."""
    app.connect("autodoc-process-docstring", docstrings.process)  # type: ignore[attr-defined]
    analyze = ModuleAnalyzer.analyze

    def analyze_without_overloads(analyzer: ModuleAnalyzer) -> None:
        analyze(analyzer)
        analyzer.overloads = {}  # they differ in the number of iterables

    ModuleAnalyzer.analyze = analyze_without_overloads
