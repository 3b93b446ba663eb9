"""Configuration of the documentation; `make docs` builds it."""

from importlib.metadata import version as installed

project = "tutelage"
author = "The tutelage authors"
project_copyright = "2026, The tutelage authors"
release = version = installed("tutelage")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
extensions += ["sphinx-mathjax-offline"]  # MathJax goes into the pages, so that formulas show without a network
exclude_patterns = ["_build", "jupyter_execute"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3

# Every page with code is run when it is built; an error in it fails the build.
nb_execution_mode = "auto"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds a cell; the first one to need it compiles
nb_execution_in_temp = True  # pages that write files leave none behind
nb_merge_streams = True
nb_render_markdown_format = "myst"  # with tables

napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings state types with shapes
python_use_unqualified_type_names = True

smartquotes = False  # strings in tables stay as one types them
html_theme = "pydata_sphinx_theme"
html_title = "tutelage"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_center": [],  # the pages, under their five captions, stand in the sidebar
}
html_sidebars = {"**": ["globaltoc"]}
