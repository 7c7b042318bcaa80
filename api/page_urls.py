from django.urls import path

from api import views, webhook_views

app_name = "api"

urlpatterns = [
    path("keys/", views.api_keys, name="keys"),
    path("keys/<int:pk>/revoke/", views.revoke, name="revoke"),
    path("webhooks/", webhook_views.all_webhooks, name="webhooks"),
    path("webhooks/<uuid:pk>/", webhook_views.webhook, name="webhook"),
    path("webhooks/<uuid:pk>/secret/", webhook_views.renew, name="webhook-secret"),
    path("webhooks/<uuid:pk>/resend/<int:number>/", webhook_views.resend, name="webhook-resend"),
    path("webhooks/<uuid:pk>/<slug:step>/", webhook_views.change, name="webhook-change"),
]
