"""What other rooms may hear of a person, inside the transaction that changes it; an exception undoes the change."""

from django.dispatch import Signal

face_erased = Signal()
"""``user``: their face and all attempts about them are being erased, and so must be what is kept of them elsewhere.

It is told first, while it can still be seen which attempts these are.
"""

consent_withdrawn = Signal()
"""``user``: took consents back; ``purposes``: those of ``accounts.consent.Purpose``."""

person_erased = Signal()
"""``user_id``, ``username``: the account is gone."""
