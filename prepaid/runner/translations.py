"""Compiles the translations, which are kept as text, without needing gettext on the machine."""

import os
from pathlib import Path

import polib


def compile_translations(folder: Path) -> int:
    """Compile each catalogue that is newer than its compiled form; return how many that was."""
    compiled = 0
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        fresh = target.with_suffix(f".mo.{os.getpid()}")
        polib.pofile(str(source)).save_as_mofile(str(fresh))
        fresh.replace(target)
        compiled += 1
    return compiled
