"""Typed readers of environment variables.

Knows nothing of any one setting; must not import Django, for the database keeper runs without it.
"""

import os
from pathlib import Path

BASE_FOLDER = Path(__file__).resolve().parent.parent.parent


class SettingError(Exception):
    """An environment variable has a value that cannot be used."""


def text(name: str, default: str) -> str:
    return os.environ.get(name) or default


def number(name: str, default: int) -> int:
    value = os.environ.get(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise SettingError(f"{name} must be a whole number, not {value!r}.") from None


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise SettingError(f"{name} must be 1 or 0, not {value!r}.")


def words(name: str, default: list[str]) -> list[str]:
    value = os.environ.get(name)
    return [word.strip() for word in value.split(",") if word.strip()] if value else default


def secret(name: str) -> str:
    """Read a secret from the variable or from the file that NAME_FILE points to; empty when neither is."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise SettingError(f"{name}_FILE cannot be read: {error}.") from error
    return os.environ.get(name, "")


def data_folder() -> Path:
    return Path(text("PREPAID_DATA", str(BASE_FOLDER / ".data"))).resolve()


def unusable(folder: Path, error: OSError) -> str:
    """Say that the data cannot be kept there, and what to do."""
    return f"The data folder {folder} cannot be used ({error.strerror}): choose another --data."
