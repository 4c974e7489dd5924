"""Numbers on the wire and their names. Numbers are never reused; new ones are appended."""

# Flags of a chained record (bit mask).
CLOCK_UNTRUSTED = 1
TAMPER = 2
BROWN_OUT = 4
JOURNAL_GAP = 8
RELAY_1_CLOSED = 16
RELAY_2_CLOSED = 32
BOUNDARY = 64
SAFE_STATE = 128
SENSOR_FAULT = 256
OPTED_OUT = 512
LOCKED_OUT = 1024
RELAY_CLOSED = (RELAY_1_CLOSED, RELAY_2_CLOSED)
FLAGS_MAX = 0xFFFF

# Roles of a board (enrolment).
# ATTESTED: a commercial device that can't sign; the gateway signs for it, with a key per device.
METER, MLMD, ATTESTED = 1, 2, 3
BOARD_ROLES = {METER: "meter", MLMD: "mlmd", ATTESTED: "attested"}

# Roles of a certified key (certificate).
CONTROL, ACK, DELEGATION, INSTALLER, RELEASE = 1, 2, 3, 4, 5
KEY_ROLES = {
    CONTROL: "control",
    ACK: "ack",
    DELEGATION: "delegation",
    INSTALLER: "installer",
    RELEASE: "release",
}

# What a channel measures: which OBIS registers its two counters stand for.
LOAD, GENERATION, SECTION = 1, 2, 3
CHANNEL_KINDS = {LOAD: "load", GENERATION: "generation", SECTION: "section"}

# Energy types (first ones; the ledger's registry extends them without a change here).
GRID, SOLAR, WIND, BIOGAS, HYDRO, BATTERY, NUCLEAR, THERMAL = 1, 2, 3, 4, 5, 6, 7, 8
ENERGY_TYPES = {
    GRID: "grid",
    SOLAR: "solar",
    WIND: "wind",
    BIOGAS: "biogas",
    HYDRO: "hydro",
    BATTERY: "battery",
    NUCLEAR: "nuclear",
    THERMAL: "thermal",
}

# Why a board went back to the firmware before (detail of EV_ROLLED_BACK).
RB_STARTS, RB_CRASH, RB_WATCHDOG, RB_SILENT, RB_STALLED, RB_HALF = 1, 2, 3, 4, 5, 6
ROLL_BACKS = {
    RB_STARTS: "starts",
    RB_CRASH: "crash",
    RB_WATCHDOG: "watchdog",
    RB_SILENT: "silent",
    RB_STALLED: "stalled",
    RB_HALF: "half",
}

# Breaker states and trip causes of an M-LMD.
BREAKER_OPEN, BREAKER_CLOSED, BREAKER_LOCKED_OUT = 0, 1, 2
TRIP_NONE, TRIP_OVERLOAD, TRIP_FIXED_LIMIT, TRIP_MANUAL = 0, 1, 2, 3
TRIP_CAUSES = {
    TRIP_NONE: "none",
    TRIP_OVERLOAD: "overload",
    TRIP_FIXED_LIMIT: "fixed limit",
    TRIP_MANUAL: "manual",
}

# Kinds of event records.
EV_BOOT, EV_TRIP, EV_LOCKOUT, EV_TAMPER, EV_JOURNAL_GAP, EV_SAFE_STATE, EV_RECOVERED = range(1, 8)
EV_BREAKER_CLOSED, EV_SENSOR_FAULT, EV_OPT_OUT, EV_OPT_IN = 8, 9, 10, 11
EV_RELAY_FAULT, EV_UPDATED, EV_ROLLED_BACK = 12, 13, 14
EVENT_KINDS = {
    EV_BOOT: "boot",
    EV_TRIP: "trip",
    EV_LOCKOUT: "lock-out",
    EV_TAMPER: "tamper",
    EV_JOURNAL_GAP: "journal gap",
    EV_SAFE_STATE: "safe state",
    EV_RECOVERED: "communication recovered",
    EV_BREAKER_CLOSED: "breaker closed",
    EV_SENSOR_FAULT: "sensor fault",
    EV_OPT_OUT: "opted out",
    EV_OPT_IN: "opted in",
    EV_RELAY_FAULT: "relay fault",
    EV_UPDATED: "updated",
    EV_ROLLED_BACK: "rolled back",
}

# Command actions. `value`: W of SET_LIMIT, CHARGE and DISCHARGE, 1 to 4 of SET_MODE, else 0.
OPEN, CLOSE, SET_LIMIT, SET_MODE, CHARGE, DISCHARGE = 1, 2, 3, 4, 5, 6
ACTIONS = {
    OPEN: "open",
    CLOSE: "close",
    SET_LIMIT: "set limit",
    SET_MODE: "set mode",
    CHARGE: "charge",
    DISCHARGE: "discharge",
}

# How a command ended (outcome.status).
DONE, REFUSED, EXPIRED = 1, 2, 3
OUTCOME_STATUS = {DONE: "done", REFUSED: "refused", EXPIRED: "expired"}

# Why a frame or command was refused (outcome.reason, inbox status).
R_NONE = 0
R_MALFORMED = 1
R_UNKNOWN_KEY = 2
R_BAD_SIGNATURE = 3
R_WRONG_TARGET = 4
R_REPLAYED = 5
R_EXPIRED = 6
R_NOT_YET = 7
R_CLOCK_UNTRUSTED = 8
R_NO_SUCH_ASSET = 9
R_PROTECTION = 10
R_CERT_EXPIRED = 11
R_CERT_SUPERSEDED = 12
R_WRONG_ROLE = 13
R_WRONG_NONCE = 14
R_NOT_IN_JOURNAL = 15
R_HEAD_MISMATCH = 16
R_BUSY = 17
R_TIME_BACKWARDS = 18
R_LOCKED_OUT = 19
R_BAD_VALUE = 20
R_FLASH = 21
R_INTERRUPTED = 22
R_HARDWARE = 23
R_OPTED_OUT = 24
R_FOREIGN_IMAGE = 25
R_OLD_IMAGE = 26
R_HALF_IMAGE = 27
R_NO_ROOM = 28
R_ROLLED_BACK = 29
REASONS = {
    R_NONE: "none",
    R_MALFORMED: "malformed",
    R_UNKNOWN_KEY: "unknown key",
    R_BAD_SIGNATURE: "bad signature",
    R_WRONG_TARGET: "wrong target",
    R_REPLAYED: "replayed",
    R_EXPIRED: "expired",
    R_NOT_YET: "not yet valid",
    R_CLOCK_UNTRUSTED: "clock untrusted",
    R_NO_SUCH_ASSET: "no such asset",
    R_PROTECTION: "protection outranks",
    R_CERT_EXPIRED: "certificate expired",
    R_CERT_SUPERSEDED: "certificate superseded",
    R_WRONG_ROLE: "wrong role",
    R_WRONG_NONCE: "wrong nonce",
    R_NOT_IN_JOURNAL: "not in journal",
    R_HEAD_MISMATCH: "head mismatch",
    R_BUSY: "busy",
    R_TIME_BACKWARDS: "time backwards",
    R_LOCKED_OUT: "locked out",
    R_BAD_VALUE: "bad value",
    R_FLASH: "flash failed",
    R_INTERRUPTED: "interrupted",
    R_HARDWARE: "hardware did not follow",
    R_OPTED_OUT: "opted out",
    R_FOREIGN_IMAGE: "foreign image",
    R_OLD_IMAGE: "old image",
    R_HALF_IMAGE: "half image",
    R_NO_ROOM: "no room",
    R_ROLLED_BACK: "rolled back",
}

# A frame behind a ticket, for a board's inbox: the ticket, the frame's type code, the frame. A
# ticket's hash is the ticket before it, and a signed beacon names where this begins: nobody but the
# gateway can make one, and it costs a board no curve work to know it. Each is good once.
TICKETED = 15
TICKET_BYTES = 16
TICKETS_AHEAD = 32  # how many a board looks past, for those that were lost on their way

# State of a frame that was written to a board's inbox.
INBOX_EMPTY, INBOX_PARTIAL, INBOX_PENDING, INBOX_ACCEPTED, INBOX_REFUSED = range(5)

# An update over a link: the type codes of its frames, and the high byte of a board's status word.
OFFER, PIECE = 13, 14  # a signed `release`; bytes of a file, unsigned
UP_NONE, UP_BUSY, UP_WANTS, UP_ARMED, UP_FAILED, UP_RUNS, UP_TRIAL = range(7)
UP_STATES = {
    UP_NONE: "none",
    UP_BUSY: "busy",
    UP_WANTS: "wants",
    UP_ARMED: "armed",
    UP_FAILED: "failed",
    UP_RUNS: "runs",
    UP_TRIAL: "trial",
}
