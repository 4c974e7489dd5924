"""Who may pass: pure rules over one record, the board it claims to be from, and its chain."""

from gateway.admit.admission import Admission, Admitted, ChainState, Duplicate, Rules
from gateway.admit.board import Board
from gateway.admit.errors import AdmissionRefused

__all__ = [
    "Admission",
    "AdmissionRefused",
    "Admitted",
    "Board",
    "ChainState",
    "Duplicate",
    "Rules",
]
