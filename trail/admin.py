"""The trail for staff: read, filtered, never touched. Pseudonyms of people who are still here are resolved."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from trail.chain import pseudonyms
from trail.models import AuditEntry


class EventFilter(admin.SimpleListFilter):
    """The events that have happened here."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        events = AuditEntry.objects.order_by("event").values_list("event", flat=True).distinct()
        return [(event, event.replace("_", " ")) for event in events]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):
    list_display = ["number", "at", "event", "about", "by", "said"]
    list_filter = [EventFilter, "at"]
    search_fields = ["digest"]
    search_help_text = "A user name, for what an account did or what is about it; or a digest."
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Only accounts that still exist can be found by name: the pseudonym of an erased one is nobody's."""
        user = get_user_model().objects.filter(username__iexact=search_term.strip()).first()
        if user is None:
            return super().get_search_results(request, queryset, search_term)
        names = pseudonyms(user.pk)
        return queryset.filter(Q(actor__in=names) | Q(subject__in=names)), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        people = get_user_model().objects.values_list("pk", "username")
        self._names = {name: username for pk, username in people for name in pseudonyms(pk)}
        return super().get_queryset(request)

    @admin.display(description="About", ordering="subject", empty_value="–")
    def about(self, entry: AuditEntry) -> str:
        return self._names.get(entry.subject, entry.subject[:8])

    @admin.display(description="By", ordering="actor", empty_value="–")
    def by(self, entry: AuditEntry) -> str:
        return self._names.get(entry.actor, entry.actor[:8])

    @admin.display(description="Facts")
    def said(self, entry: AuditEntry) -> str:
        return ", ".join(f"{name}: {value}" for name, value in entry.facts.items())
