from rest_framework.routers import SimpleRouter

from training.api import TrainingRunViewSet

router = SimpleRouter()
router.register("training-runs", TrainingRunViewSet, basename="api-training-run")

urlpatterns = router.urls
