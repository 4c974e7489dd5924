"""The state of the chain: sorted byte keys to byte values, with a provable root.

`store` holds it (plain, and as an overlay that a failed transaction leaves no trace in), `tree`
computes the root and proofs incrementally, `proof` is what a light node needs to check them.
"""

from ledger.state.proof import StateProof, StateProofError, verify_proof
from ledger.state.store import MemoryState, Overlay, State
from ledger.state.tree import StateTree

__all__ = [
    "MemoryState",
    "Overlay",
    "State",
    "StateProof",
    "StateProofError",
    "StateTree",
    "verify_proof",
]
