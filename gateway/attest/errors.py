"""What can go wrong with a device that this gateway signs for."""

from gateway.collect.errors import CollectError
from gateway.errors import GatewayError


class WrongMeter(CollectError):
    """Another device than the configured one answers at this address."""

    code = "wrong_meter"
    todo = "compare profile and serial with the label; nothing is signed for it until then"


class NotEnrolledDevice(CollectError):
    """A configured device whose key the registry doesn't hold in this area."""

    code = "unknown_board"
    todo = "let the installer enrol it: truewatt gateway attest --config FILE prints what he needs"


class NotFollowed(CollectError):
    """The device reads back another value than was written."""

    code = "not_followed"
    todo = "look at the device: it may be set to be operated locally"


class ChainRefused(CollectError):
    """A record that this gateway made itself and did not admit: nothing was signed away."""

    code = "attested_refused"
    todo = "look at the reason; the device's max_power_w may be too low"


class NeedsPackage(GatewayError):
    """A device that needs a Python package which an extra of this one brings."""

    code = "needs_package"
    todo = "pip install 'truewatt[meters]'"


class CannotMeter(GatewayError):
    """The profile has nothing that a reading could be made of."""

    code = "cannot_meter"
    todo = "choose a profile that counts energy"
