from django.urls import path
from rest_framework.routers import SimpleRouter

from liveness.api import AttemptViewSet, CheckView

router = SimpleRouter()
router.register("attempts", AttemptViewSet, basename="api-attempt")

urlpatterns = [*router.urls, path("check/", CheckView.as_view(), name="api-check")]
