"""Sphinx settings of the documentation: `make site` writes docs/_build/html.

Pages with code cells are notebooks in text form (MyST). They are executed during the build, and a cell that fails ends
it.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from kmc.version import VERSION  # noqa: E402  # the path is set above

project = "miec-kmc"
author = "the authors of miec-kmc"
copyright = "BSD-3-Clause"  # Sphinx's name
version = release = VERSION
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
html_math_renderer = "mathml"
exclude_patterns = ["_build"]
root_doc = "index"

html_theme = "furo"
html_title = f"miec-kmc {VERSION}"
html_show_copyright = False

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # a cache would keep the figures of older code
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# Files of the repository to which pages link, but which are not pages.
suppress_warnings = ["myst.xref_missing"]
