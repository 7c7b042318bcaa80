"""What a reviewer looks at next: the refused attempts, those nearest the threshold first."""

from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.db.models import Count, F, Prefetch, Q, QuerySet
from django.http import QueryDict

from liveness import words
from liveness.models import Attempt, Evidence

ANY = "any"
REFUSED = "refused"
UNLABELLED = "none"
_NEIGHBOURHOOD = 2000
_LABELS = [(value, name) for value, name in Attempt.Label.choices if value]


class FilterForm(forms.Form):
    """The queue's filters. What is missing or makes no sense falls back to the default."""

    state = forms.ChoiceField(
        choices=[(REFUSED, "All refused"), (ANY, "Any"), *Attempt.State.choices], initial=REFUSED
    )
    purpose = forms.ChoiceField(choices=[(ANY, "Any"), *Attempt.Purpose.choices], initial=ANY)
    label = forms.ChoiceField(
        choices=[(UNLABELLED, "Not reviewed"), (ANY, "Any"), *_LABELS], initial=UNLABELLED
    )
    reason = forms.ChoiceField(choices=[(ANY, "Any"), *words.REASONS.items()], initial=ANY)


@dataclass(frozen=True)
class Filters:
    state: str = REFUSED
    purpose: str = ANY
    label: str = UNLABELLED
    reason: str = ANY

    @classmethod
    def read(cls, query: QueryDict) -> "Filters":
        form = FilterForm(query)
        form.is_valid()
        return cls(**{name: value for name, value in form.cleaned_data.items() if value})

    def as_dict(self) -> dict[str, str]:
        """Only what differs from the default: the shortest query string."""
        mine, default = vars(self), vars(Filters())
        return {name: value for name, value in mine.items() if value != default[name]}

    def query(self) -> str:
        """For the end of an address: "" or "?…"."""
        query = QueryDict(mutable=True)
        query.update(self.as_dict())
        return f"?{query.urlencode()}" if query else ""


@dataclass(frozen=True)
class Neighbours:
    previous: UUID | None
    next: UUID | None


def find(filters: Filters) -> QuerySet[Attempt]:
    """The filtered attempts: nearest the threshold first, never judged ones last, newer before older."""
    rows = Attempt.objects.filter(_in_state(filters.state))
    if filters.purpose != ANY:
        rows = rows.filter(purpose=filters.purpose)
    if filters.label != ANY:
        rows = rows.filter(label="" if filters.label == UNLABELLED else filters.label)
    if filters.reason != ANY:
        rows = rows.filter(reason=filters.reason)
    return rows.order_by(F("margin").asc(nulls_last=True), "-created", "pk")


def with_evidence(rows: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Each attempt with what is kept of it, without loading a single picture."""
    return rows.prefetch_related(Prefetch("evidence", Evidence.objects.defer("jpeg")))


def neighbours(filters: Filters, pk: UUID) -> Neighbours:
    """Who stands before and after; for an attempt that is not in the queue, the queue's head is next."""
    line = list(find(filters).values_list("pk", flat=True)[:_NEIGHBOURHOOD])
    if pk not in line:
        return Neighbours(None, line[0] if line else None)
    place = line.index(pk)
    after = line[place + 1] if place + 1 < len(line) else None
    return Neighbours(line[place - 1] if place else None, after)


def counts() -> dict[str, int]:
    """How many refused attempts there are of each label, the unlabelled ones under "waiting"."""
    refused = Attempt.objects.filter(_in_state(REFUSED)).order_by()
    rows = refused.values_list("label").annotate(Count("pk"))
    return {label or "waiting": count for label, count in rows}


def _in_state(state: str) -> Q:
    if state == ANY:
        return Q()
    return Q(state__in=Attempt.REFUSED) if state == REFUSED else Q(state=state)
