"""Where a board keeps what on its filesystem and in its NVS."""

CONFIG = "/config.json"
ENROLMENT = "/enrolment.bin"
JOURNAL = "/journal"
SEED_BYTES = 32
