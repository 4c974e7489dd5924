"""Why a release does not reach a board, by name."""

from gateway.errors import GatewayError
from wireformat import codes


class UpdateError(GatewayError):
    """Base: the board runs what it ran."""

    code = "update_error"


class BadReleaseFile(UpdateError):
    """A file that is no release, or that was altered."""

    code = "bad_release_file"
    todo = "get the file again, or build it again: truewatt device release"


class ReleaseRefused(UpdateError):
    """The board does not take the release, or could not complete it; `reason`: codes.R_*."""

    code = "release_refused"
    todo = "reasons: docs/wire-format.md, refusal codes"

    def __init__(self, where: str, reason: int) -> None:
        self.reason = reason
        super().__init__(codes.REASONS.get(reason, str(reason)), where)


class FileUnsettled(UpdateError):
    """The board wants the same file again and again."""

    code = "file_unsettled"
    todo = "look at the bus (noise, two masters), then update again"


class Stopped(UpdateError):
    """A board before this one failed, so this one was not begun."""

    code = "stopped"
    todo = "find out why that one did not take it, then update again"


class AmbiguousDevice(UpdateError):
    """More than one board's address begins so."""

    code = "ambiguous_device"
    todo = "give more digits of the board's address"


class NoSuchDevice(UpdateError):
    """No board of that name on a bus of this gateway, or not an address."""

    code = "no_such_device"
