"""Administration of keys and webhooks: they can be looked at, and are made and changed on their own pages."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from api.models import ApiKey, Webhook


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ["name", "prefix", "owner", "created", "expires", "revoked", "last_used"]
    search_fields = ["name", "prefix", "owner__username"]
    exclude = ["digest"]


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ["url", "note", "owner", "created", "disabled", "why", "failing_since"]
    search_fields = ["url", "note", "owner__username"]
    exclude = ["secret"]
