"""Why a board does not take a release, by name."""

from core.errors import BoardError


class UpdateError(BoardError):
    """Base: nothing was changed that runs."""


class BadRelease(UpdateError):
    """Bytes that are no release."""


class BadSignature(UpdateError):
    """Not signed by a release key of this board's operator, for this chain."""


class ForeignImage(UpdateError):
    """For another role, chip, machine code or a newer MicroPython."""


class OldImage(UpdateError):
    """Its roll-back index is below one that ran here already."""


class HalfImage(UpdateError):
    """A file is missing, altered, or one too many."""


class NoRoom(UpdateError):
    """It does not fit beside the firmware that runs and the journal."""
