from django.urls import path

from training import gate_views

app_name = "gate"

urlpatterns = [
    path("", gate_views.gate, name="gate"),
    path("<int:pk>/", gate_views.report, name="report"),
    path("<int:pk>/plot.png", gate_views.plot, name="plot"),
    path("models/<int:pk>/judge/", gate_views.judge, name="judge"),
]
