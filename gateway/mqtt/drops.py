"""What a broker says that it dropped, beyond the queue that it keeps for an absent reader.

Mosquitto publishes how many messages that were since its start, whenever that changes, at most
every `sys_interval` (10 s); without retained messages it says so once, so a session of its own
keeps it for a gateway that is away. A board's PUBACK does not tell: this is the only word of it.
"""

from gateway.mqtt.errors import BadMessage

TOPIC = "$SYS/broker/publish/messages/dropped"
_MOST_DIGITS = 20


class BrokerDrops:
    """`total`: as the broker says, since its start; None: it did not say."""

    def __init__(self) -> None:
        self.total: int | None = None

    def heard(self, payload: bytes) -> int:
        """Take the broker's word; how many are new. Raises `BadMessage`."""
        if not payload.isdigit() or len(payload) > _MOST_DIGITS:
            raise BadMessage(f"{len(payload)} bytes that are no count", TOPIC)
        before, self.total = self.total or 0, int(payload)
        # Fewer than before: it was started anew, and counts from 0.
        return self.total - before if self.total >= before else self.total
