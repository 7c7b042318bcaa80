from django.urls import path

from training import views

app_name = "training"

urlpatterns = [
    path("", views.runs, name="runs"),
    path("new/", views.new, name="new"),
    path("<int:pk>/", views.run, name="run"),
    path("<int:pk>/cancel/", views.cancel, name="cancel"),
]
