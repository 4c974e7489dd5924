"""Commercial meters as data: a file per model says what its registers mean.

From a profile come the plan of block reads, the decoder, the encoder (for emulated meters) and
the page in `docs/meters`. Lowest first: `errors`, `quantities` (what can be measured, in which
fixed unit), `schema` and `load` (strict files), `words` (bits of a register), `codec`, `plan`,
`counter` (wrap, reset or glitch), `identify` (which meter may this be), `link` and `reader`
(Modbus), `frames` and `page` of a `sample`, `waiting` (what a person sees meanwhile), `cli`.
"""

from gateway.profiles.codec import Readings, decode, encode
from gateway.profiles.load import find_profile, load_all, load_profile, model_names
from gateway.profiles.plan import Block, plan
from gateway.profiles.profile import Profile, Register

__all__ = [
    "Block",
    "Profile",
    "Readings",
    "Register",
    "decode",
    "encode",
    "find_profile",
    "load_all",
    "load_profile",
    "model_names",
    "plan",
]
