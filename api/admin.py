"""Administration of keys: they can be looked at, and are made and revoked on their own page."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from api.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ["name", "prefix", "owner", "created", "expires", "revoked", "last_used"]
    search_fields = ["name", "prefix", "owner__username"]
    exclude = ["digest"]
