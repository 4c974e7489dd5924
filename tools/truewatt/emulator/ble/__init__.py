"""BLE without a radio: the air between emulated boards and an emulated BlueZ.

`stack` is the host stack (NimBLE, on a chip in C) of one board, `air` what they all share,
`link` one connection as a central sees it, `bluez` an org.bluez for unmodified central software on
a private message bus that `dbus_daemon` starts. Emulation stops at the radio: who pairs needs the
passkey, who writes needs the permissions of the characteristic, what is longer than the MTU is cut.
"""
