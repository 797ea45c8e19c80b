"""Where each room's addresses begin."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("prepaid.api.urls")),
    path("", include("prepaid.web.urls")),
]
