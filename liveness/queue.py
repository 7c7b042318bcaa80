"""What a reviewer looks at next: what reviewers disagree on, then the refused attempts nearest the threshold."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from liveness import reviewing, words
from liveness.models import Attempt, Evidence, Review

ANY = "any"
REFUSED = "refused"
SAMPLED = "sampled"
UNLABELLED = "none"
DISPUTED = "disputed"
NEAREST = "nearest"
NEWEST = "newest"
_NEIGHBOURHOOD = 2000
_CHOICES = 200
_LABELS = [(value, name) for value, name in Attempt.Label.choices if value]
_OUTCOMES = [
    (REFUSED, _("All refused")),
    (SAMPLED, _("Sampled bona fide")),
    (ANY, _("Any")),
    *Attempt.State.choices,
]


def _cameras() -> list[tuple[str, str]]:
    """The cameras that were reported, the commonest first."""
    named = Attempt.objects.exclude(camera="").order_by()
    rows = named.values_list("camera").annotate(n=Count("pk")).order_by("-n", "camera")
    return [(ANY, gettext("Any")), *((camera, camera) for camera, _ in rows[:_CHOICES])]


def _models() -> list[tuple[str, str]]:
    """The models that judged, by their SHA-256."""
    judged = Attempt.objects.exclude(model_sha256="").order_by("model_name", "model_sha256")
    rows = judged.values_list("model_sha256", "model_name").distinct()[:_CHOICES]
    return [(ANY, gettext("Any")), *((sha256, f"{name} {sha256[:8]}") for sha256, name in rows)]


class FilterForm(forms.Form):
    """The queue's filters. What is missing or makes no sense falls back to the default."""

    order = forms.ChoiceField(
        choices=[(NEAREST, _("Nearest the threshold")), (NEWEST, _("Newest"))], initial=NEAREST
    )
    state = forms.ChoiceField(choices=_OUTCOMES, initial=REFUSED, label=_("Outcome"))
    label = forms.ChoiceField(
        choices=[
            (UNLABELLED, _("Waiting for a label")),
            (DISPUTED, _("Reviewers disagree")),
            (ANY, _("Any")),
            *_LABELS,
        ],
        initial=UNLABELLED,
    )
    reason = forms.ChoiceField(choices=[(ANY, _("Any")), *words.REASONS.items()], initial=ANY)
    purpose = forms.ChoiceField(choices=[(ANY, _("Any")), *Attempt.Purpose.choices], initial=ANY)
    camera = forms.ChoiceField(choices=_cameras, initial=ANY)
    model = forms.ChoiceField(choices=_models, initial=ANY)
    who = forms.CharField(max_length=150, label=_("Name or account"))
    since = forms.DateField(label=_("From"), widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label=_("To"), widget=forms.DateInput({"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.required = False


@dataclass(frozen=True)
class Filters:
    """``since`` and ``until`` are days, both included; ``model`` is a SHA-256."""

    order: str = NEAREST
    state: str = REFUSED
    label: str = UNLABELLED
    reason: str = ANY
    purpose: str = ANY
    camera: str = ANY
    model: str = ANY
    who: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def read(cls, query: QueryDict | dict[str, Any]) -> "Filters":
        form = FilterForm(query)
        form.is_valid()
        return cls(**{name: value for name, value in form.cleaned_data.items() if value})

    def as_dict(self) -> dict[str, str]:
        """Only what differs from the default: the shortest query string."""
        mine, default = vars(self), vars(Filters())
        return {name: str(value) for name, value in mine.items() if value != default[name]}

    def query(self) -> str:
        """For the end of an address: "" or "?…"."""
        query = QueryDict(mutable=True)
        query.update(self.as_dict())
        return f"?{query.urlencode()}" if query else ""


@dataclass(frozen=True)
class Neighbours:
    previous: UUID | None
    next: UUID | None


@dataclass(frozen=True)
class Progress:
    """Of the attempts the filters show, whatever their label: how many need this reviewer no longer."""

    done: int
    total: int


def find(filters: Filters, reviewer: AbstractBaseUser | None = None) -> QuerySet[Attempt]:
    """The filtered attempts: disputed ones first, then nearest the threshold, never judged ones last; or the newest.

    reviewer: whose queue it is. What waits for a second reviewer no longer waits for the first.
    """
    rows = _among(filters)
    if filters.label == UNLABELLED:
        rows = rows.filter(_waiting(reviewer))
    elif filters.label == DISPUTED:
        rows = rows.filter(disputed=True)
    elif filters.label != ANY:
        rows = rows.filter(label=filters.label)
    nearest = [] if filters.order == NEWEST else [F("margin").asc(nulls_last=True)]
    return rows.order_by("-disputed", *nearest, "-created", "pk")


def with_evidence(rows: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Each attempt with what is kept of it in full size, without loading a single picture."""
    kept = Evidence.objects.filter(kind__in=Evidence.FULL_SIZE).defer("jpeg")
    return rows.prefetch_related(Prefetch("evidence", kept))


def neighbours(filters: Filters, pk: UUID, reviewer: AbstractBaseUser | None = None) -> Neighbours:
    """Who stands before and after; for an attempt that is not in the queue, the queue's head is next."""
    line = list(find(filters, reviewer).values_list("pk", flat=True)[:_NEIGHBOURHOOD])
    if pk not in line:
        return Neighbours(None, line[0] if line else None)
    place = line.index(pk)
    after = line[place + 1] if place + 1 < len(line) else None
    return Neighbours(line[place - 1] if place else None, after)


def progress(filters: Filters, reviewer: AbstractBaseUser | None = None) -> Progress:
    """How far the queue with these filters has come."""
    found = _among(filters).aggregate(
        total=Count("pk"), waiting=Count("pk", filter=_waiting(reviewer))
    )
    return Progress(found["total"] - found["waiting"], found["total"])


def counts() -> dict[str, int]:
    """How many refused attempts there are of each label, the unlabelled ones under "waiting".

    Besides: "disputed", and "sampled" for the bona fide attempts without a label.
    """
    refused = Q(state__in=Attempt.REFUSED)
    found = Attempt.objects.aggregate(
        waiting=Count("pk", filter=refused & Q(label="")),
        **{value: Count("pk", filter=refused & Q(label=value)) for value, _ in _LABELS},
        disputed=Count("pk", filter=Q(disputed=True)),
        sampled=Count("pk", filter=Q(sampled=True, label="")),
    )
    return {name: count for name, count in found.items() if count}


def _among(filters: Filters) -> QuerySet[Attempt]:
    """What the filters show, whatever its label."""
    rows = Attempt.objects.filter(_in_state(filters.state), _by(filters.who))
    if filters.purpose != ANY:
        rows = rows.filter(purpose=filters.purpose)
    if filters.reason != ANY:
        rows = rows.filter(reason=filters.reason)
    if filters.camera != ANY:
        rows = rows.filter(camera=filters.camera)
    if filters.model != ANY:
        rows = rows.filter(model_sha256=filters.model)
    if filters.since:
        rows = rows.filter(created__date__gte=filters.since)
    if filters.until:
        rows = rows.filter(created__date__lte=filters.until)
    return rows


def _waiting(reviewer: AbstractBaseUser | None) -> Q:
    """Without a label; and if its reviewers do not disagree, without one of this reviewer."""
    without = Q(label="")
    if reviewer is None:
        return without
    theirs = Review.objects.filter(attempt=OuterRef("pk"), reviewer_id=reviewer.pk)
    return without & (Q(disputed=True) | Q(~Exists(reviewing.standing(theirs))))


def _in_state(state: str) -> Q:
    if state == ANY:
        return Q()
    if state == SAMPLED:
        return Q(sampled=True)
    return Q(state__in=Attempt.REFUSED) if state == REFUSED else Q(state=state)


def _by(who: str) -> Q:
    if not who:
        return Q()
    return Q(claimed__icontains=who) | Q(user__username__icontains=who)
