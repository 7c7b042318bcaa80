"""Administration of people. Biometric data can be deleted, never read or edited."""

from functools import partial
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts import policy_admin, recovery, services, tasks
from accounts.models import Consent, FaceTemplate, SignIn, User

__all__ = ["policy_admin"]

# Secrets of second factors and keys of sessions are nobody's to read or write here.
admin.site.unregister([Authenticator, UserSession])


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Deleting an account here erases the person everywhere; and a reset for somebody who has lost every second factor."""

    actions = ["reset_factors"]

    @admin.action(
        description="Lost everything: take off second factors and password, and mail the owner",
        permissions=["change"],
    )
    def reset_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            try:
                recovery.reset(user=user, by=_staff(request))
            except recovery.NotAllowed:
                refused = f"{user} was left as they are: another administrator, for a superuser another superuser, has to do this."
                self.message_user(request, refused, messages.ERROR)
                continue
            transaction.on_commit(partial(tasks.send_reset.delay, user.pk), robust=True)
            done = f"{user} was reset and is told by mail; a new password comes from there."
            self.message_user(request, done, messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.delete_account(user=obj, by=_staff(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for person in queryset:
            services.delete_account(user=person, by=_staff(request))


def _staff(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101  (the admin lets nobody else in)
    return request.user


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only the people themselves, through the portal, bring about."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(FaceTemplate)
class FaceTemplateAdmin(ReadOnlyAdmin):
    """Deleting a face here erases the attempts and their pictures too."""

    list_display = ["user", "created", "last_used", "frames", "model_name"]
    search_fields = ["user__username"]
    exclude = ["sealed", "sealed_seed", "pending"]

    def delete_model(self, request: HttpRequest, obj: FaceTemplate) -> None:
        services.delete_face(user=obj.user, by=_staff(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FaceTemplate]) -> None:
        for face in queryset.select_related("user"):
            services.delete_face(user=face.user, by=_staff(request))


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ["user", "purpose", "version", "given", "withdrawn"]
    list_filter = ["purpose", "version"]
    search_fields = ["user__username"]


@admin.register(SignIn)
class SignInAdmin(ReadOnlyAdmin):
    list_display = ["at", "user", "way", "client"]
    list_filter = ["way"]
    search_fields = ["user__username"]
