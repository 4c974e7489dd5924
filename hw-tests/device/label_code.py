"""The QR code of a label, as a camera meets it: dark and light cells."""

import re
from xml.etree import ElementTree

import segno

_CELL = re.compile(r"M(\d+) (\d+)h1v1h-1z")
_PATH = "{http://www.w3.org/2000/svg}path"


def matrix_in(svg: str) -> list[list[bool]]:
    """Rows of cells, True where the label's one path is dark. All of the path must be cells."""
    (path,) = ElementTree.fromstring(svg).iter(_PATH)
    drawn = path.attrib["d"]
    assert _CELL.sub("", drawn) == ""
    dark = [(int(x), int(y)) for x, y in _CELL.findall(drawn)]
    assert len(dark) == len(set(dark))
    size = 1 + max(max(cell) for cell in dark)
    return [[(x, y) in set(dark) for x in range(size)] for y in range(size)]


def matrix_of(text: str) -> list[list[bool]]:
    """What the code of that text is."""
    return [list(map(bool, row)) for row in segno.make(text, error="m", micro=False).matrix]
