"""What other rooms may hear of a person, inside the transaction that changes it; an exception undoes the change."""

from django.dispatch import Signal

face_erased = Signal()
"""``user``: their face and all attempts about them are erased, and so must be what is kept of them elsewhere."""

consent_withdrawn = Signal()
"""``user``: took their consent back."""

person_erased = Signal()
"""``user_id``, ``username``: the account is gone."""
