"""The few shapes that the pictures are made of, as SVG text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

INK, FAINT, PAPER = "#24292f", "#8c959f", "#ffffff"
BLUE, GREEN, AMBER, GREY = "#cfe2f7", "#d3ecd3", "#fbe3b5", "#eceff2"


def box(x: float, y: float, width: float, height: float, fill: str = PAPER, dashed: bool = False) -> str:
    """A rectangle; ``dashed``: its border."""
    dash = ' stroke-dasharray="3 2"' if dashed else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" stroke="{INK}"'
        f' stroke-width="0.8" rx="2"{dash}/>'
    )


def words(x: float, y: float, text: str, size: int = 12, anchor: str = "start", faint: bool = False) -> str:
    """A line of text; ``anchor``: start, middle or end."""
    fill = FAINT if faint else INK
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'
    )


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight arrow."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{INK}" stroke-width="1.2"'
        ' marker-end="url(#head)"/>'
    )


def picture(width: float, height: float, title: str, shapes: Iterable[str]) -> str:
    """A whole picture on white paper, so that it reads on dark pages too."""
    head = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{INK}"/></marker></defs>'
    )
    paper = f'<rect width="{width:.0f}" height="{height:.0f}" fill="{PAPER}"/>'
    font = 'font-family="system-ui, Helvetica, Arial, sans-serif"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" {font}>',
        f"<title>{escape(title)}</title>", head, paper, *shapes, "</svg>", "",
    ])  # fmt: skip
