from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from liveness import card_views
from portal import checklist_views, metrics, views

# A second factor is asked for on the sign-in pages; the administration has none of its own that could skip it.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler500 = "portal.outages.server_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("language/", views.language, name="set_language"),
    path("words.js", views.script_words, name="script_words"),
    path("model/", card_views.page, name="model_card"),
    path("site/", checklist_views.page, name="checklist"),
    path("site/mail/", checklist_views.test_mail, name="test_mail"),
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
