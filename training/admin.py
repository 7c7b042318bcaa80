"""Administration of training runs: request one, start it, watch it, cancel it."""

from functools import partial
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from training import services, tasks
from training.facts import may_start
from training.models import TrainingRun

NO_WORKER = "Training takes long: start a worker, or run manage.py training_runs train."


class RequestForm(forms.ModelForm):
    """Data and options of a new run; the service checks both."""

    class Meta:
        model = TrainingRun
        fields = ["data", "options"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            services.check_request(Path(cleaned["data"]), cleaned["options"] or {})
        except services.RequestError as error:
            raise forms.ValidationError(str(error)) from error
        return cleaned


@admin.register(TrainingRun)
class TrainingRunAdmin(admin.ModelAdmin):
    form = RequestForm
    list_display = ["__str__", "created", "started", "finished", "requested_by", "data"]
    list_filter = ["state"]
    actions = ["train", "cancel"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a superuser may name a file of the training machine; everybody else has the page of new runs."""
        return bool(request.user.is_active and request.user.is_superuser)

    def has_start_permission(self, request: HttpRequest) -> bool:
        return may_start(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            return ["data", "options"]
        return [field.name for field in TrainingRun._meta.fields]

    def save_model(self, request: HttpRequest, obj: TrainingRun, form: Any, change: bool) -> None:
        made = services.request_run(
            data=Path(form.cleaned_data["data"]),
            options=form.cleaned_data["options"] or {},
            by=request.user if request.user.is_authenticated else None,
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    @admin.action(description="Train the selected queued runs", permissions=["start"])
    def train(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> None:
        if settings.CELERY_TASK_ALWAYS_EAGER:
            self.message_user(request, NO_WORKER, messages.ERROR)
            return
        queued = queryset.filter(state=TrainingRun.State.QUEUED)
        for pk in queued.values_list("pk", flat=True):
            transaction.on_commit(partial(tasks.enqueue, pk))
        self.message_user(
            request, f"{queued.count()} of {queryset.count()} selected runs enqueued."
        )

    @admin.action(description="Cancel the selected runs", permissions=["start"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> None:
        for pk in queryset.values_list("pk", flat=True):
            try:
                services.cancel_run(pk)
            except services.RunStateError as error:
                self.message_user(request, str(error), messages.ERROR)
