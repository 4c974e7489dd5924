"""Why a board does not take a release. One class with a name in it: seven would take a KiB."""

from core.errors import BoardError
from wireformat import codes

_REASONS = {
    "BadRelease": codes.R_MALFORMED,
    "BadSignature": codes.R_UNKNOWN_KEY,
    "ForeignImage": codes.R_FOREIGN_IMAGE,
    "OldImage": codes.R_OLD_IMAGE,
    "HalfImage": codes.R_HALF_IMAGE,
    "NoRoom": codes.R_NO_ROOM,
}


class UpdateError(BoardError):
    """Nothing that runs was changed. `name` is one of those above; `reason` is told to links."""

    def __init__(self, name: str, what: str, where: str, todo: str) -> None:
        self.reason = _REASONS[name]
        super().__init__("%s: %s" % (name, what), where, todo)
