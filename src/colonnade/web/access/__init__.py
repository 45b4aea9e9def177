"""Who may come in, as whom, and how often: the same for every door.

``Access`` is composed once from the settings, and every application is made with it. Its layers
find out who asks (``Caller``), let in who may come, and count; routes that steer the server or show
what others do with it are for administrators (``guards=[admins_only]``).
"""

from colonnade.web.access.callers import Caller, admins_only, caller_of
from colonnade.web.access.composition import Access
from colonnade.web.access.keys import Key, KeyRing
from colonnade.web.access.ledger import Ledger
from colonnade.web.access.limits import RequestLimit, charge, charge_answers, charge_inputs

__all__ = [
    "Access",
    "Caller",
    "Key",
    "KeyRing",
    "Ledger",
    "RequestLimit",
    "admins_only",
    "caller_of",
    "charge",
    "charge_answers",
    "charge_inputs",
]
