"""What can be wrong with a profile, or with the meter that it should describe."""

from pathlib import Path

from gateway.collect.errors import BusLost, ModbusRefused
from gateway.errors import GatewayError
from gateway.schema import Problem


class ProfileError(GatewayError):
    """Base."""

    code = "profile_error"


class BadProfile(ProfileError):
    """A profile that can't be used; `problems` has every one of its faults."""

    code = "bad_profile"
    todo = "correct the file; docs/meters/README.md says what each key means"

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        lines = "".join(f"\n  {file.name}: {problem}" for problem in problems)
        super().__init__(f"{len(problems)} problem(s) in a meter profile{lines}", str(file))


class UnknownProfile(ProfileError):
    """No profile has this name."""

    code = "unknown_profile"
    todo = "list them with: truewatt gateway profiles"


class Unconfirmed(ProfileError):
    """A profile, or a quantity of it, that only one public source vouches for."""

    code = "unconfirmed_profile"
    todo = "compare with the meter's display; --unconfirmed uses it all the same"


class NotCapable(ProfileError):
    """The meter can't do what a function needs; told when it is configured."""

    code = "meter_not_capable"
    todo = "use another meter for this function"


class ValueOutOfRange(ProfileError):
    """A value that the register can't hold."""

    code = "value_out_of_range"


class PortLost(BusLost):
    """The port is gone or can't be opened."""

    todo = "check the adapter, its cable, and the port's name"


class MeterRefused(ModbusRefused):
    """The meter answered with a Modbus exception."""

    todo = "another model may be at this address: truewatt gateway identify"
