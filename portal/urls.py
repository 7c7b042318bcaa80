from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from portal import metrics, views

# A second factor is asked for on the sign-in pages; the administration has none of its own that could skip it.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler500 = "portal.outages.server_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("", include("accounts.urls")),
    path("auth/", include("allauth.account.urls")),
    path("auth/second-factor/", include("allauth.mfa.urls")),
    path("review/", include("liveness.urls")),
    path("training/", include("training.urls")),
    path("models/", include("liveness.model_urls")),
    path("gate/", include("training.gate_urls")),
    path("", include("api.page_urls")),
    path("embed/", include("api.embed_urls")),
    path("api/", include("api.urls")),
    path("admin/", admin.site.urls),
]
