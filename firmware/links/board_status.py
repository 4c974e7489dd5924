"""A board's status block, as `wireformat.modbus_map` lays it out, for every link that shows it."""

import struct

from wireformat import codes, modbus_map


def block(node: object, inbox: object) -> bytes:
    """STATUS_WORDS registers' bytes; each holds a new nonce for a beacon to answer."""
    chain = node.chain
    certificates = node.certificates
    return b"".join(
        (
            struct.pack(">HH", modbus_map.MAGIC, modbus_map.MAP_VERSION),
            node.owner.address,
            struct.pack(">HHII", node.role, node.flags(), chain.epoch, chain.next_seq),
            struct.pack(">HH", min(chain.journal.unacked, 0xFFFF), node.clock.trusted()),
            node.gate.new_nonce(),
            node.commands.counter.to_bytes(6, "big"),
            struct.pack(
                ">HHHHH",
                certificates.serial(codes.ACK) & 0xFFFF,
                certificates.serial(codes.CONTROL) & 0xFFFF,
                inbox.last_frame,
                node.relay_mask(),
                node.update,
            ),
        )
    )
