"""Times on the command line."""

from datetime import UTC, datetime

from gateway.keep.errors import BadTime


def unix_s(text: str) -> int:
    """Seconds since 1970 of an ISO date or time; without a zone it is UTC. Raises BadTime."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadTime(f"{text!r} is no time", "") from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def iso(time_s: int) -> str:
    """`2026-07-01T06:15:00Z`."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
