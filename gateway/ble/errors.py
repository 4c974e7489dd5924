"""What can go wrong between the gateway and a board over BLE."""

from gateway.collect.errors import CollectError


class BluetoothAbsent(CollectError):
    """No BlueZ on the system's message bus, or no adapter that is on."""

    code = "bluetooth_absent"
    todo = "check bluetoothctl show, rfkill and [ble] adapter; the gateway tries again by itself"


class BoardOutOfReach(CollectError):
    """Nobody advertises under that name or address."""

    code = "board_out_of_reach"
    todo = "check its power and place; another central may hold it. truewatt gateway ble-scan"


class BleLost(CollectError):
    """The connection ended, or couldn't be made."""

    code = "ble_lost"
    todo = "the gateway tries again by itself; if it stays, look at distance and interference"


class PairingRefused(CollectError):
    """The board and this gateway have different passkeys."""

    code = "pairing_refused"
    todo = "compare the passkey file with the board's label; each failed try makes the board wait"


class NoPasskey(CollectError):
    """The passkey file has no line for this board."""

    code = "no_passkey"
    todo = "add a line NAME PASSKEY from its label to [ble] passkey_file"


class BadPasskeys(CollectError):
    """The passkey file can't be used."""

    code = "bad_passkeys"
    todo = "one line a board: TW-1a2b3c4d 123456; chmod 600"


class NotOurService(CollectError):
    """A device of that name without a Truewatt board's characteristics."""

    code = "not_our_service"
    todo = "check the name in [ble] devices; update the board's firmware"


class MtuTooSmall(CollectError):
    """A record would not fit a notification."""

    code = "mtu_too_small"
    todo = "use an adapter and a BlueZ that agree to an MTU of 247 (BlueZ 5.62 or later says so)"


class BleBusy(CollectError):
    """More waits for a board than it takes: nothing is added."""

    code = "ble_busy"
    todo = "acks come again by themselves, commands are tried again"


class NoBleak(CollectError):
    """This installation has nothing that speaks BLE."""

    code = "no_bleak"
    todo = "pip install truewatt[ble]"
