from django.contrib import admin
from django.urls import include, path

from portal import metrics, views

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("", include("accounts.urls")),
    path("auth/", include("allauth.account.urls")),
    path("review/", include("liveness.urls")),
    path("training/", include("training.urls")),
    path("models/", include("liveness.model_urls")),
    path("gate/", include("training.gate_urls")),
    path("", include("api.page_urls")),
    path("api/", include("api.urls")),
    path("admin/", admin.site.urls),
]
