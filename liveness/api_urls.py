from django.urls import path
from rest_framework.routers import SimpleRouter

from liveness.api import AttemptViewSet, CheckView
from liveness.drift_api import DriftReferenceView, DriftReportsView, DriftView
from liveness.model_api import ModelViewSet

router = SimpleRouter()
router.register("attempts", AttemptViewSet, basename="api-attempt")
router.register("models", ModelViewSet, basename="api-model")

urlpatterns = [*router.urls, path("check/", CheckView.as_view(), name="api-check")]

urlpatterns += [
    path("drift/", DriftView.as_view(), name="api-drift"),
    path("drift/reports/", DriftReportsView.as_view(), name="api-drift-reports"),
    path("drift/reference/", DriftReferenceView.as_view(), name="api-drift-reference"),
]
