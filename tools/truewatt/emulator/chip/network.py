"""`network` of the emulated chip: a station that is connected as soon as it was told where to.

Sockets are the machine's own, so a broker on loopback is "on the network". A file that the test
makes takes the network away: stations see it, as on a chip, in `isconnected`.
"""

STA_IF = 0
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010

_down_file = None
_outside = None


class WLAN:
    """A station (`IF_STA`)."""

    IF_STA = STA_IF
    IF_AP = 1

    def __init__(self, interface=IF_STA):
        if interface != self.IF_STA:
            raise ValueError("only a station is emulated")
        self._active = False
        self._ssid = None

    def active(self, is_active=None):
        """Power the radio, or say whether it is."""
        if is_active is None:
            return self._active
        self._active = bool(is_active)
        if not self._active:
            self._ssid = None
        return self._active

    def connect(self, ssid=None, key=None, *, bssid=None):
        """Join a network; it succeeds at once while there is one."""
        if not self._active:
            raise OSError("Wifi Not Started")
        self._ssid = ssid

    def disconnect(self):
        """Leave it."""
        self._ssid = None

    def isconnected(self):
        """Whether there is a network that this station joined."""
        if self._ssid is None:
            return False
        try:
            _outside.stat(_down_file)
        except OSError:
            return True
        return False

    def status(self, param=None):
        """STAT_GOT_IP when connected; with "rssi" a fair signal in dBm."""
        if param == "rssi":
            return -60
        if self.isconnected():
            return STAT_GOT_IP
        return STAT_IDLE if self._ssid is None else STAT_CONNECTING
