"""What the hub asks of a store. Frozen values in, frozen values out; only ``hub/store`` speaks SQL.

Promises (each held by the store suite):

* ``accept`` returns only after its transaction is on disk; it is one transaction with everything that follows from it.
* (sender, key) is unique and bound on acceptance only. The same bytes again give the stored receipt.
* ``claim`` hands out heads of lanes only, already in doubt, under a lease with a fencing token.
* ``settle`` with a token that was lost changes nothing.
* Order inside a lane is the order of acceptance. Time never orders anything.
"""
