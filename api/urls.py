"""Everything below /api/v1/, and the pages that describe it."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from api.capture_api import CaptureViewSet
from api.people_api import ConsentTextView, PersonViewSet
from api.problems import NotFoundView
from api.webhook_api import WebhookViewSet

router = SimpleRouter()
router.register("captures", CaptureViewSet, basename="api-capture")
router.register("people", PersonViewSet, basename="api-person")
router.register("webhooks", WebhookViewSet, basename="api-webhook")

version_1: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="api/docs.html"),
        name="api-docs",
    ),
    path("", include(router.urls)),
    path("consent-text/", ConsentTextView.as_view(), name="api-consent-text"),
    path("", include("liveness.api_urls")),
    path("", include("training.api_urls")),
    path("gate/", include("training.gate_api_urls")),
]

urlpatterns = [path("v1/", include(version_1)), re_path("", NotFoundView.as_view())]
