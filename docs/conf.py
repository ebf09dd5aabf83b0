"""How the documentation is built: `python -m sphinx -W --keep-going docs build/docs`."""

import interpexec

project = "interpexec"
author = copyright = "the interpexec authors"  # noqa: A001  # Sphinx's name
version = release = interpexec.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
]
html_theme = "furo"
html_title = f"interpexec {release}"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
copybutton_prompt_text = "$ "
