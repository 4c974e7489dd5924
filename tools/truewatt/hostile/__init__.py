"""What an adversary has at hand, as tools: for `tools/demo --attack` and the tests of bad input.

`wiretap` sits in a cable, `intruder` speaks on it, `forgery` makes what is not genuine,
`lying_node` stands between a gateway and its ledger.
"""
