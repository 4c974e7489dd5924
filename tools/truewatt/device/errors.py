"""What can go wrong between a computer and the board at its cable, by name."""


class DeviceError(Exception):
    """Base: `what` happened, `where`, and what `todo`."""

    def __init__(self, what: str, where: str, todo: str) -> None:
        super().__init__(f"{type(self).__name__}: {what} ({where}). {todo}")
        self.what = f"{type(self).__name__}: {what}"
        self.where = where
        self.todo = todo


class UnknownBoard(DeviceError):
    """No such board profile."""


class BadProfile(DeviceError):
    """A board profile that its chip can't be, or that says nothing usable."""


class BoardCannot(DeviceError):
    """The chip or the board can't carry what was asked of it."""


class LittleHeap(DeviceError):
    """Links and options that leave a board less heap than it should keep."""


class NotInFirmware(DeviceError):
    """The firmware of this checkout has no such link."""


class NoPort(DeviceError):
    """The serial port isn't there, or another program has it."""


class CableLost(DeviceError):
    """The board went away in the middle."""


class NoPrompt(DeviceError):
    """Something is at the port, but MicroPython's prompt isn't."""


class WrongChip(DeviceError):
    """The board's chip isn't the one that the image is for."""


class WrongRole(DeviceError):
    """The board isn't the meter, or the breaker, that was meant."""


class TooOld(DeviceError):
    """The board's MicroPython is older than the firmware needs."""


class BoardFull(DeviceError):
    """The image doesn't fit the board's filesystem."""


class VerifyFailed(DeviceError):
    """What the board holds isn't what was sent."""


class NotFlashed(DeviceError):
    """The board has no firmware of ours, or half of one."""


class BoardRefused(DeviceError):
    """The board said no: its own error, by its own name."""


class BadEnrolment(DeviceError):
    """The enrolment doesn't prove what it says."""


class NotConfirmed(DeviceError):
    """The confirmation was not typed as asked; nothing was done."""


class BadOption(DeviceError):
    """An option's value, or a file that it names, is unusable."""


class BadReleaseFile(DeviceError):
    """A file that is no release, or that was altered."""


class BadRelease(DeviceError):
    """The board: bytes that are no release."""


class BadSignature(DeviceError):
    """The board: not signed by a release key of its operator, for its chain."""


class ForeignImage(DeviceError):
    """The board: for another role, chip, machine code or a newer MicroPython."""


class OldImage(DeviceError):
    """The board: its roll-back index is below one that ran there already."""


class HalfImage(DeviceError):
    """The board: a file is missing, altered, or one too many."""


class NoRoom(DeviceError):
    """The board: two slots and the journal don't fit."""


class NotProvisioned(DeviceError):
    """The board has no configuration, and so no operator whose releases it takes."""


class RolledBack(DeviceError):
    """The board tried the new firmware and went back."""


class EsptoolMissing(DeviceError):
    """esptool is not installed here."""


class EsptoolFailed(DeviceError):
    """esptool ended with an error."""
