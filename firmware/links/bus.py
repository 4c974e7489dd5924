"""The board's end of an RS-485 bus, put together."""

from links.modbus_rtu import ModbusRtuLink
from links.modbus_server import ModbusServer
from links.registers import Registers


def bus_link(node: object, inbox: object) -> ModbusRtuLink:
    """Serves `node` on its bus; frames go to `inbox`."""
    server = ModbusServer(Registers(node, inbox))
    bus = node.config.bus
    return ModbusRtuLink(node.board.bus_port(), bus.address, server, node.liveness)
