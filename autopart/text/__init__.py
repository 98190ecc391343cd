"""Text as people read it: bytes, seconds and counts with units, and what notebooks and pages show around it.

Nothing here knows of programs, meshes or plans; every other room may use it.
"""

from autopart.text.html_page import Markup, Page, Row, address, data, element, table
from autopart.text.notebook_cell import Rows, cell, folded
from autopart.text.quantities import bytes_text, figure_text, is_bytes, seconds_text, signed
from autopart.text.readable import Part, Readable, plain_table, show, text_of

__all__ = [
    "Markup",
    "Page",
    "Part",
    "Readable",
    "Row",
    "Rows",
    "address",
    "bytes_text",
    "cell",
    "data",
    "element",
    "figure_text",
    "folded",
    "is_bytes",
    "plain_table",
    "seconds_text",
    "show",
    "signed",
    "table",
    "text_of",
]
