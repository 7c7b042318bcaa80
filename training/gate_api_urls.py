from django.urls import path

from training.gate_api import BenchmarksView, JudgeView, ReportView

urlpatterns = [
    path("benchmarks/", BenchmarksView.as_view(), name="api-benchmarks"),
    path("reports/<int:pk>/", ReportView.as_view(), name="api-gate-report"),
    path("judge/", JudgeView.as_view(), name="api-judge"),
]
