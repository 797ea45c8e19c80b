"""The addresses below /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, path

from prepaid.api.docs import docs, schema
from prepaid.api.health import healthz, readyz
from prepaid.api.operations import OPERATIONS

urlpatterns: list[URLPattern] = [
    *(
        path(operation.path.replace("{", "<str:").replace("}", ">"), operation.view.as_view())
        for operation in OPERATIONS
    ),
    path("schema", schema, name="api-schema"),
    path("docs", docs, name="api-docs"),
    path("healthz", healthz),
    path("readyz", readyz),
]
