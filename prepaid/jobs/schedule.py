"""When the clock starts each job. Plain values only: the settings read this before any app is loaded."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {}
