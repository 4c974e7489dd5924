"""The label on a board's case: who it is, as text and as a QR code.

Nothing on it is secret but the BLE passkey of a board that has one, and the QR code does not hold
that: a picture of a label that is taken for the code may be seen by many.
"""

from xml.sax.saxutils import escape

import segno

WIDTH_MM, HEIGHT_MM = 62, 29
_QUIET = 4
"""Light cells around the code (ISO/IEC 18004, 5.3.8); with them it is as high as the label."""

_GROUP = 4
_CHARACTER = 0.62
"""Width of a character of the usual monospaced fonts, of its size; at most 0.602 of those seen."""


def text_in_code(address: str, name: str, chain_id: str) -> str:
    """What the QR code says: `TW1 ADDRESS NAME CHAIN`."""
    return f"TW1 {address} {name} {chain_id}"


def label(address: str, name: str, chain_id: str, role: str, where: str, passkey: str = "") -> str:
    """An SVG of 62 x 29 mm, the width of usual label tape. `where`: its place on bus or network."""
    lines = [
        (9, 4.5, name),
        (13.5, 2.6, f"{role}, {where}"),
        (17, 2.6, chain_id),
        (20.5, 1.9, _grouped(address[:20])),
        (23, 1.9, _grouped(address[20:])),
        (27, 2.2, "BLE passkey:"),
    ]
    left = HEIGHT_MM
    texts = "".join(
        f'<text x="{left}" y="{y}" font-size="{_fitting(size, text):.2f}">{escape(text)}</text>'
        for y, size, text in lines
    )
    if passkey:
        texts += f'<text x="{left + 18}" y="27.1" font-size="3">{escape(passkey)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_MM}mm" height="{HEIGHT_MM}mm"'
        f' viewBox="0 0 {WIDTH_MM} {HEIGHT_MM}" font-family="monospace">'
        f'<rect width="{WIDTH_MM}" height="{HEIGHT_MM}" fill="#fff"/>'
        f"{_code(text_in_code(address, name, chain_id))}{texts}"
        f'<rect x="{left + 16.2}" y="24.4" width="15.5" height="3.4" fill="none" stroke="#000"'
        ' stroke-width="0.2"/></svg>\n'
    )


def _fitting(size_mm: float, text: str) -> float:
    """The size at which `text` ends on the label, or `size_mm` if that is smaller."""
    room_mm = WIDTH_MM - HEIGHT_MM - 1
    return min(size_mm, room_mm / (_CHARACTER * max(1, len(text))))


def _code(text: str) -> str:
    """The QR code as one path, with its quiet zone around it."""
    code = segno.make(text, error="m", micro=False)
    size = code.symbol_size(border=0)[0]
    cells = "".join(
        f"M{x} {y}h1v1h-1z"
        for y, row in enumerate(code.matrix)
        for x, dark in enumerate(row)
        if dark
    )
    scale = HEIGHT_MM / (size + 2 * _QUIET)
    edge = _QUIET * scale
    placed = f"translate({edge:.4f} {edge:.4f}) scale({scale:.5f})"
    return f'<path transform="{placed}" d="{cells}"/>'


def _grouped(digits: str) -> str:
    return " ".join(digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))
