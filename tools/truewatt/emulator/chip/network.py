"""`network` of the emulated chip: a station that is connected as soon as it was told where to.

Sockets are the machine's own, so a broker on loopback is "on the network". A file that the test
makes takes the network away: stations see it, as on a chip, in `isconnected`.
"""

STA_IF = 0
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010

_down_file = None
_outside = None
_station = None


class WLAN:
    """A station (`IF_STA`): one, as the port has it."""

    IF_STA = STA_IF
    IF_AP = 1
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2

    def __new__(cls, interface=IF_STA):
        global _station
        if interface != cls.IF_STA:
            raise ValueError("only a station is emulated")
        if _station is None:
            _station = object.__new__(cls)
            _station._active = False
            _station._ssid = None
            _station._pm = cls.PM_PERFORMANCE
        return _station

    def active(self, is_active=None):
        """Power the radio, or say whether it is."""
        if is_active is None:
            return self._active
        self._active = bool(is_active)
        if not self._active:
            self._ssid = None
        return self._active

    def config(self, *param, **kwargs):
        """Set or read how the radio saves power."""
        if not self._active:
            raise OSError("Wifi Not Started")
        if param == ("pm",) and not kwargs:
            return self._pm
        if param or list(kwargs) != ["pm"]:
            raise ValueError("unknown config param")
        self._pm = kwargs["pm"]
        return None

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
