from django.contrib import admin
from django.urls import include, path

from portal import views

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("", include("accounts.urls")),
    path("auth/", include("allauth.account.urls")),
    path("review/", include("liveness.urls")),
    path("api/", include("liveness.api_urls")),
    path("training/", include("training.urls")),
    path("api/", include("training.api_urls")),
    path("models/", include("liveness.model_urls")),
    path("gate/", include("training.gate_urls")),
    path("api/gate/", include("training.gate_api_urls")),
    path("admin/", admin.site.urls),
]
