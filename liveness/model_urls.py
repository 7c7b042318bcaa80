from django.urls import path

from liveness import model_views

app_name = "models"

urlpatterns = [
    path("", model_views.models, name="models"),
    path("roll-back/", model_views.change, {"step": "roll-back"}, name="roll-back"),
    path("stop-shadow/", model_views.stop_shadow, name="stop-shadow"),
    path("<int:pk>/", model_views.model, name="model"),
    path("<int:pk>/notes/", model_views.notes, name="notes"),
    path("<int:pk>/disagreement/", model_views.shadow, name="shadow"),
    path("<int:pk>/<slug:step>/", model_views.change, name="change"),
]
