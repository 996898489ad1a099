"""From page to pixels: the one room besides the window that knows Qt, and of Qt only QtGui."""

from metadesk.paint.export import export, export_pdf, export_png, export_svg, png_bytes
from metadesk.paint.fonts import ensure_fonts
from metadesk.paint.painter import draw_page

__all__ = [
    "draw_page",
    "ensure_fonts",
    "export",
    "export_pdf",
    "export_png",
    "export_svg",
    "png_bytes",
]
