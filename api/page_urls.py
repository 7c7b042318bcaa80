from django.urls import path

from api import views

app_name = "api"

urlpatterns = [
    path("keys/", views.api_keys, name="keys"),
    path("keys/<int:pk>/revoke/", views.revoke, name="revoke"),
]
