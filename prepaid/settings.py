"""The site's settings, each read once from the environment; docs/operations.md has a line for each."""

import os
import secrets
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from prepaid.jobs.schedule import BEAT_SCHEDULE
from prepaid.runner import database
from prepaid.runner.cluster import APP_ROLE, OWNER_ROLE, embedded_url
from prepaid.runner.environment import (
    BASE_FOLDER,
    SettingError,
    data_folder,
    flag,
    number,
    secret,
    text,
    unusable,
    words,
)

BASE_DIR = BASE_FOLDER
DATA_FOLDER = data_folder()
TRIAL = flag("DEBUG", True)
# Django's own pages of faults, with code and settings: for who works on the site, not for who tries it.
DEBUG = TRIAL and flag("DEBUG_PAGES", False)


def read_or_make_secret_key() -> str:
    """Return SECRET_KEY, or in development a key made once and kept in the data folder."""
    given = secret("SECRET_KEY")
    if given:
        return given
    if not TRIAL:
        raise ImproperlyConfigured("DEBUG=0 needs SECRET_KEY or SECRET_KEY_FILE.")
    try:
        return keep_secret_key(DATA_FOLDER / "secret-key")
    except OSError as error:
        raise SettingError(unusable(DATA_FOLDER, error)) from error


def keep_secret_key(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f"secret-key.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


SECRET_KEY = read_or_make_secret_key()
# number hash key, PIN key, content-digest key and the card keys, made at the first start.
KEYS_FILE = Path(text("PREPAID_KEYS_FILE", str(DATA_FOLDER / "keys.json")))
# Where card keys are derived: a class with the calls of prepaid.cards.keys.Keyring, for example a KMS's.
CARD_KEYRING = text("CARD_KEYRING", "prepaid.cards.keys.FileKeyring")
# The address that cards are personalised with; what they prove is added behind it.
CARD_URI = text("CARD_URI", "https://cards.example/t")
# How long after its issue a card may be bound to a blank by its number alone.
CARD_PERSONALISE_HOURS = number("CARD_PERSONALISE_HOURS", 24)

ALLOWED_HOSTS = words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]", "testserver"] if TRIAL else [])
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "axes",
    "csp",
    "django_htmx",
    "lucide",
    "rest_framework",
    "template_partials",
    "prepaid.runner",
    "prepaid.ledger",
    "prepaid.cards",
    "prepaid.stores",
    "prepaid.tenders",
    "prepaid.stored_value",
    "prepaid.settlement",
    "prepaid.reports",
    "prepaid.api",
    "prepaid.web",
    "prepaid.jobs",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "prepaid.api.middleware.ApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "prepaid.web.access.LoginMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
ROOT_URLCONF = "prepaid.urls"
WSGI_APPLICATION = "prepaid.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["lucide.templatetags.lucide", "template_partials.templatetags.partials"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "prepaid.web.context.place",
            ],
        },
    },
]


# The database: one server, two roles. The owner migrates; the application may not change the ledger's tables.

DATABASE_LOCK_TIMEOUT_MS = number("DATABASE_LOCK_TIMEOUT_MS", 2_000)
DATABASE_STATEMENT_TIMEOUT_MS = number("DATABASE_STATEMENT_TIMEOUT_MS", 15_000)
DATABASE_IDLE_TIMEOUT_MS = number("DATABASE_IDLE_TIMEOUT_MS", 30_000)
DATABASE_POOL = number("DATABASE_POOL", 0)
AS_OWNER = os.environ.get("PREPAID_DATABASE_ROLE") == "owner"


def read_connection() -> dict[str, Any]:
    """Return libpq's parameters for the role that this runs as."""
    url = os.environ.get("DATABASE_URL")
    if url:
        return dict(conninfo_to_dict((AS_OWNER and os.environ.get("DATABASE_OWNER_URL")) or url))
    if not TRIAL:
        raise ImproperlyConfigured("DEBUG=0 needs DATABASE_URL: the embedded database is for trials.")
    return dict(embedded_url(database.embedded_cluster(), OWNER_ROLE if AS_OWNER else APP_ROLE))


def database_settings() -> dict[str, Any]:
    """Turn libpq's parameters into Django's, with the time limits of the role."""
    parameters = read_connection()
    limits = {
        "lock_timeout": DATABASE_LOCK_TIMEOUT_MS,
        "statement_timeout": 0 if AS_OWNER else DATABASE_STATEMENT_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": 0 if AS_OWNER else DATABASE_IDLE_TIMEOUT_MS,
    }
    switches = " ".join(f"-c {name}={value}" for name, value in limits.items())
    known = {name: parameters.pop(name, "") for name in ("dbname", "user", "password", "host", "port")}
    options: dict[str, Any] = {"application_name": text("PREPAID_APPLICATION_NAME", "prepaid")} | parameters
    options["options"] = f"{parameters.get('options', '')} {switches}".strip()
    # Without a number psycopg prepares nothing; with this one, only what asks for it (ADR 0005).
    options["prepare_threshold"] = 2**31
    if DATABASE_POOL:
        options["pool"] = {"min_size": 1, "max_size": DATABASE_POOL, "timeout": 5}
    return {
        "ENGINE": "prepaid.runner.postgresql",
        "NAME": known["dbname"],
        "USER": known["user"],
        "PASSWORD": known["password"],
        "HOST": known["host"],
        "PORT": known["port"],
        "CONN_MAX_AGE": 0,
        "OPTIONS": options,
    }


DATABASES = {"default": database_settings()}


def read_app_role() -> str:
    """Name the role that the site runs as beside the tables' owner; empty when there is one role alone."""
    url = os.environ.get("DATABASE_URL")
    owner_url = os.environ.get("DATABASE_OWNER_URL")
    if not url:
        return APP_ROLE
    app = str(conninfo_to_dict(url).get("user") or "")
    owner = str(conninfo_to_dict(owner_url).get("user") or "") if owner_url else app
    return "" if app == owner else app


DATABASE_APP_ROLE = read_app_role()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# People

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login"
# A cashier's screen locks after this long without a key or a tap.
IDLE_LOCK_SECONDS = number("IDLE_LOCK_SECONDS", 300)
AXES_FAILURE_LIMIT = number("LOGIN_FAILURES_MAX", 10)
AXES_COOLOFF_TIME = number("LOGIN_LOCK_HOURS", 1)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "people/locked_out.html"
SESSION_COOKIE_AGE = number("SESSION_HOURS", 12) * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"


# What a browser is told. HTTPS is off by default so that a trial runs on 127.0.0.1.

HTTPS = flag("HTTPS", not TRIAL)
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^api/v1/(healthz|readyz)$", r"^(healthz|readyz)$"]
SECURE_HSTS_SECONDS = number("HSTS_SECONDS", 31_536_000 if HTTPS else 0)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if flag("TRUST_PROXY", False) else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}


# Language and time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "prepaid.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"


# Files that browsers fetch

STATIC_URL = "/static/"
STATIC_ROOT = Path(text("STATIC_ROOT", str(DATA_FOLDER / "static")))
STATICFILES_DIRS = [BASE_DIR / "prepaid" / "static"]
WHITENOISE_USE_FINDERS = TRIAL
WHITENOISE_AUTOREFRESH = TRIAL
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TRIAL
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}


# The API

API_INQUIRIES_PER_MINUTE = number("API_INQUIRIES_PER_MINUTE", 60)
# A canteen asks every FeliCa card twice, for its balance and for its payment.
API_CHALLENGES_PER_MINUTE = number("API_CHALLENGES_PER_MINUTE", 240)
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}


# Terminals: how long one may be silent, and a transaction unsent, before the office is told.

TERMINAL_OFFLINE_MINUTES = number("TERMINAL_OFFLINE_MINUTES", 15)
TERMINAL_QUEUE_MINUTES = number("TERMINAL_QUEUE_MINUTES", 60)


# Jobs. A message comes back when it was not acknowledged within the visibility timeout, which therefore is
# longer than any task may run.

CELERY_BROKER_URL = secret("CELERY_BROKER_URL") or "prepaid://database"
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 110
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "visibility_timeout": 300,
        "polling_interval": 0.02,
        "wait_time_seconds": 1,
        "poll_interval_ms": 20,
        "init_extension": False,
        "pool_size": 2,
    }
    if CELERY_BROKER_URL.startswith("prepaid://")
    else {}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "prepaid"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_FOLDER / "beat-schedule")


# Logs: plain lines at a desk, JSON lines for a machine.

LOG_FORMAT = text("LOG_FORMAT", "plain" if TRIAL else "json")
LOG_LEVEL = text("LOG_LEVEL", "INFO").upper()
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "prepaid.logs.JsonFormatter"},
        "plain": {"format": "%(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "prepaid": {"level": LOG_LEVEL},
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # Each job keeps its last run in the database; only what went wrong is worth a line as well.
        "celery": {"level": "WARNING"},
    },
}
