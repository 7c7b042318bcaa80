from django.urls import path, register_converter

from liveness import drift_views, views


class ScaleConverter:
    """A crop scale such as 2.7, as it stands in the manifest."""

    regex = r"\d{1,2}(?:\.\d{1,3})?"

    def to_python(self, value: str) -> float:
        return float(value)

    def to_url(self, value: float) -> str:
        return f"{value:g}"


register_converter(ScaleConverter, "scale")

app_name = "liveness"

urlpatterns = [
    path("", views.queue, name="queue"),
    path("drift/", drift_views.page, name="drift"),
    path("drift/begin/", drift_views.begin, name="drift-begin"),
    path("undo/", views.undo, name="undo"),
    path("<uuid:pk>/", views.attempt, name="attempt"),
    path("<uuid:pk>/label/", views.label, name="label"),
    path("<uuid:pk>/<str:kind>.jpg", views.frame, name="frame"),
    path("<uuid:pk>/playback/<int:number>.jpg", views.played_frame, name="played"),
    path("<uuid:pk>/crop-<scale:scale>.png", views.crop, name="crop"),
    path("<uuid:pk>/spectrum.png", views.spectrum, name="spectrum"),
]
