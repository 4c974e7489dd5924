"""What the tool chain reports when something it needs cannot be had."""


class ToolchainError(Exception):
    """Something outside the project is missing or unusable.

    ``what`` went wrong, ``where`` (a path, a package, a setting), and what ``todo`` about it.
    """

    def __init__(self, what: str, where: str, todo: str) -> None:
        super().__init__(f"{what} ({where}). {todo}")
        self.what = what
        self.where = where
        self.todo = todo


class UnsupportedArchError(ToolchainError):
    """No MicroPython for this processor, or not on this machine."""


class DebianSourceError(ToolchainError):
    """No Debian mirror, no key to check it with, or apt itself is missing."""


class DownloadError(ToolchainError):
    """Debian's packages could not be fetched or unpacked."""


class MicropythonError(ToolchainError):
    """A MicroPython was found but does not do what the firmware needs."""


class MpyCrossError(ToolchainError):
    """The MicroPython cross compiler is missing or too old for xtensawin."""


class QemuError(ToolchainError):
    """No ARM user-mode emulator."""


class DebianToolError(ToolchainError):
    """A program of Debian's that a check uses is missing or unusable."""
