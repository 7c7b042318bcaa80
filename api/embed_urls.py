from django.urls import path

from api import embed_views

app_name = "embed"

urlpatterns = [path("<str:token>/", embed_views.capture, name="capture")]
