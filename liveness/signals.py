"""What other rooms may hear of an attempt, inside the transaction that changes it; an exception undoes the change."""

from django.dispatch import Signal

attempt_starting = Signal()
"""``attempt``: RUNNING from now on. A receiver refuses it with ``TicketError("wait")``; it stays PENDING then."""

attempt_decided = Signal()
"""``attempt``: ended, or passed and compared with a face (``matched`` is no longer None)."""

attempt_reviewed = Signal()
"""``attempt``: with the label its reviewers agree on, after one of them gave a label or took it back."""

model_changed = Signal()
"""``model``, and ``step``: registered, judged (by the gate) or promoted."""
