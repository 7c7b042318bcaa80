"""Administration of attempts and models: attempts are read and reviewed elsewhere, models are promoted here."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from liveness import registry
from liveness.engine.bundle import BundleError
from liveness.models import Attempt, ModelVersion


class ReadOnly(admin.ModelAdmin):
    """Rows that are written by the services alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = ["created", "purpose", "claimed", "state", "reason", "label", "review"]
    list_filter = ["state", "purpose", "label", "reason", "model_name"]
    search_fields = ["id", "claimed", "user__username"]
    date_hierarchy = "created"
    exclude = ["secret", "session_digest"]

    @admin.display(description="Review")
    def review(self, attempt: Attempt) -> str:
        return format_html('<a href="{}">Open</a>', attempt.get_absolute_url())


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    list_display = ["name", "state", "short_sha256", "created", "promoted"]
    list_filter = ["state"]
    actions = ["promote", "roll_back"]

    def has_promote_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("liveness.promote_model")

    @admin.display(description="SHA-256")
    def short_sha256(self, model: ModelVersion) -> str:
        return model.sha256[:12]

    @admin.action(description="Promote the selected model", permissions=["promote"])
    def promote(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        if queryset.count() != 1:
            self.message_user(request, "Select exactly one model.", messages.ERROR)
            return
        self._attempt(
            request, lambda: registry.promote_model(model=queryset.get(), by=request.user)
        )

    @admin.action(description="Go back to the model before", permissions=["promote"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        self._attempt(request, lambda: registry.roll_back_model(by=request.user))

    def _attempt(self, request: HttpRequest, change: Any) -> None:
        try:
            model = change()
        except registry.ApprovalNeeded as error:
            self.message_user(request, str(error))
            return
        except (BundleError, LookupError, registry.GateError) as error:
            self.message_user(request, f"Nothing was changed: {error}", messages.ERROR)
            return
        self.message_user(request, f"{model.name} judges from the next attempt on.")
