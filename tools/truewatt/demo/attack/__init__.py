"""`tools/demo --attack`: an adversary at every entrance of a running site, each refused by name.

`catalogue` lists the attacks, `campaign` runs them against a run of the demo, `scene` is what they
have at hand, `verdict` says whether what was seen is what must be seen. What each gains an
adversary, and what is left of it: docs/attacks.md.
"""
