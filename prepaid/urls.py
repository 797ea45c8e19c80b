"""Where each room's addresses begin."""

from django.contrib import admin
from django.urls import include, path

from prepaid.api.health import healthz, readyz

urlpatterns = [
    path("api/v1/", include("prepaid.api.urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("admin/", admin.site.urls),
    path("", include("prepaid.web.urls")),
]
