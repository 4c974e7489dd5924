"""The two slots of a board, seen from the cable: which one runs, and how to change that.

The layout of the state in NVS is that of firmware/stage/start.py, which never changes.
"""

from dataclasses import dataclass

from truewatt.device.link import Link

FOLDERS = ("/a", "/b")
MANIFEST = "firmware.json"
LISTING = "files.cbor"
_ACTIVE, _TRIAL, _FLOOR, _TRIED = 1, 2, 6, 10

_HELPERS = """\
from esp32 import NVS
def _sr():
 b=bytearray(14)
 try:
  if NVS('tw').get_blob('slot',b)==14 and b[0]==1:return b
 except OSError:pass
 b=bytearray(14);b[0]=1
 return b
def _sw(b):
 n=NVS('tw');n.set_blob('slot',b);n.commit()
def _w(s):
 try:return os.stat(s+'/firmware.json')[6]>0
 except OSError:return False
"""


@dataclass(frozen=True)
class Slots:
    """`active`: the slot that runs, or ran before a trial; `whole`: which slots have a manifest."""

    active: int
    on_trial: bool
    floor: int
    tried: int
    whole: tuple[bool, bool]

    @property
    def current(self) -> int:
        """The slot whose firmware is to be used now: the active one, if it is whole."""
        return self.active if self.whole[self.active] or not any(self.whole) else 1 - self.active

    @property
    def folder(self) -> str:
        """Where the files of the current slot are."""
        return FOLDERS[self.current]


def read(link: Link) -> Slots:
    """Ask the board."""
    link.run(_HELPERS)
    data = bytes(link.value("bytes(_sr())"))
    whole = link.value("(_w('/a'),_w('/b'))")
    return Slots(
        data[_ACTIVE],
        data[_TRIAL] != 0,
        int.from_bytes(data[_FLOOR : _FLOOR + 4], "big"),
        int.from_bytes(data[_TRIED : _TRIED + 4], "big"),
        (whole[0], whole[1]),
    )


def use(link: Link) -> Slots:
    """Have `import` on the board find the modules of the firmware that runs there."""
    found = read(link)
    link.run(f"import sys;sys.path[:]=[{found.folder!r},'.frozen','']")
    return found


def activate(link: Link, slot: int) -> None:
    """From the next start on that slot runs, without a trial: a person is there."""
    link.run(f"b=_sr()\nif b[1]!={slot} or b[2]:\n b[1]={slot};b[2]=b[3]=b[4]=b[5]=0;_sw(b)")


def end_trial(link: Link) -> None:
    """The slot on trial is about to change."""
    link.run("b=_sr()\nif b[2]:\n b[2]=b[3]=0;_sw(b)")
