from django.urls import path
from rest_framework.routers import SimpleRouter

from liveness.api import AttemptViewSet, CheckView
from liveness.check_api import BurstView, PairView
from liveness.drift_api import DriftReferenceView, DriftReportsView, DriftView
from liveness.model_api import ModelViewSet

router = SimpleRouter()
router.register("attempts", AttemptViewSet, basename="api-attempt")
router.register("models", ModelViewSet, basename="api-model")

urlpatterns = [
    *router.urls,
    path("check/", CheckView.as_view(), name="api-check"),
    path("check/burst/", BurstView.as_view(), name="api-check-burst"),
    path("check/pair/", PairView.as_view(), name="api-check-pair"),
]

urlpatterns += [
    path("drift/", DriftView.as_view(), name="api-drift"),
    path("drift/reports/", DriftReportsView.as_view(), name="api-drift-reports"),
    path("drift/reference/", DriftReferenceView.as_view(), name="api-drift-reference"),
]
