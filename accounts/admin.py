"""Administration of people. Biometric data can be deleted, never read or edited."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Model
from django.http import HttpRequest

from accounts.models import Consent, FaceTemplate, SignIn, User

admin.site.register(User, UserAdmin)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only the people themselves, through the portal, bring about."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(FaceTemplate)
class FaceTemplateAdmin(ReadOnlyAdmin):
    list_display = ["user", "created", "last_used", "frames", "model_name"]
    search_fields = ["user__username"]
    exclude = ["sealed", "sealed_seed", "pending"]


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ["user", "version", "training", "given", "withdrawn"]
    list_filter = ["version", "training"]
    search_fields = ["user__username"]


@admin.register(SignIn)
class SignInAdmin(ReadOnlyAdmin):
    list_display = ["at", "user", "way", "client"]
    list_filter = ["way"]
    search_fields = ["user__username"]
