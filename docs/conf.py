"""Settings of the site that ``scripts/docs.sh`` builds; nothing here asks a network for anything."""

from __future__ import annotations

from importlib import metadata

project = "autopart"
copyright = "the autopart authors, Apache-2.0"
version = release = metadata.version("autopart")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"autopart {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False

# Pages are GitHub's Markdown. Notebooks are shown as they were run and stored: see `scripts/docs.sh --run`.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
nb_execution_mode = "off"
nb_mime_priority_overrides = [("*", "text/html", 0)]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
# Types of numpy, JAX and the like have pages elsewhere, of which an offline build knows nothing.
nitpicky = False
default_role = "code"
