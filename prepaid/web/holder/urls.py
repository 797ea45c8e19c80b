"""The addresses of the card holder's phone, all under /pay/: its cookie and worker reach no others."""

from django.urls import path

from prepaid.web.holder import views

urlpatterns = [
    path("", views.pay, name="holder_pay"),
    path("history", views.history, name="holder_history"),
    path("freeze", views.freeze, name="holder_freeze"),
    path("link", views.link, name="holder_link"),
    path("secret", views.secret, name="holder_secret"),
    path("unlink", views.unlink, name="holder_unlink"),
    path("worker.js", views.worker, name="holder_worker"),
    path("app.webmanifest", views.manifest, name="holder_manifest"),
]
