"""What can go wrong between the gateway and a broker, and with what comes through it."""

from gateway.collect.errors import CollectError


class BrokerLost(CollectError):
    """The broker can't be reached, or the connection ended."""

    code = "broker_lost"
    todo = "check that the broker runs and its address; the gateway tries again by itself"


class BrokerRefused(CollectError):
    """The broker answered, and said no."""

    code = "broker_refused"
    todo = "check user, client certificate and access list of this gateway at the broker"


class BadPacket(CollectError):
    """Bytes that are no MQTT 3.1.1."""

    code = "bad_packet"
    todo = "check that an MQTT broker listens there, with or without TLS as configured"


class BrokerBusy(CollectError):
    """More is on its way to the broker than it takes: nothing is added."""

    code = "broker_busy"
    todo = "look at the broker's load; acks come again by themselves, commands are tried again"


class BrokerDropped(CollectError):
    """The broker's queue for an absent reader was full: it dropped what came, and had confirmed it.

    Records among it stay on their boards, which send them again until the gateway's signed ack.
    """

    code = "broker_dropped"
    todo = "boards send records again by themselves; raise max_queued_messages if it has the memory"


class BrokerDied(CollectError):
    """The embedded broker's process ended."""

    code = "broker_died"
    todo = "it is started again; see the lines before this one"


class BrokerFull(CollectError):
    """The embedded broker's process held more memory than it may, and ended."""

    code = "broker_full"
    todo = (
        "it is started again, and boards send again; look who publishes more than boards do, "
        "retains messages, or does not read (mqtt-setup: a broker that takes known clients only)"
    )


class TopicMismatch(CollectError):
    """A genuine record of one board under another's topic."""

    code = "topic_mismatch"
    todo = "the record is kept as its signer's; look for a board with another's configuration"


class BadTopic(CollectError):
    """A message under a topic that is none of ours, or not of this area."""

    code = "bad_topic"
    todo = "look who publishes there; the broker's access list should not let it"


class BadMessage(CollectError):
    """A message that is not what its topic holds."""

    code = "bad_message"
    todo = "look who publishes there; check the board's firmware version"


class RetainedMessage(CollectError):
    """A retained message: it may be of any age, so it is refused."""

    code = "retained_message"
    todo = "clear it (an empty retained message to its topic), and see who set it"
