"""Compiles the locked requirements from pyproject.toml, with hashes and without any registry's address."""

import subprocess
import sys

from prepaid.runner.environment import BASE_FOLDER
from prepaid.runner.install import find_uv

OPTIONS = [
    *["--quiet", "--generate-hashes", "--universal", "--python-version", "3.11"],
    *["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"],
]
# Everything first: the smaller sets then take the same versions.
SETS = [
    ["pyproject.toml", "--group", "dev", "--group", "terminals", "-o", "requirements-dev.txt"],
    ["pyproject.toml", "-c", "requirements-dev.txt", "-o", "requirements.txt"],
    ["--group", "terminals", "-c", "requirements-dev.txt", "-o", "terminals/requirements.txt"],
    ["--group", "pcsc", "-o", "terminals/requirements-pcsc.txt"],
]


def main() -> int:
    uv = find_uv()
    if uv is None:
        print("uv is missing: run ./run once.", file=sys.stderr)
        return 1
    for words in SETS:
        print(f"Compiling {words[-1]}.", flush=True)
        code = subprocess.run(
            [uv, "pip", "compile", *OPTIONS, *sys.argv[1:], *words], cwd=BASE_FOLDER
        ).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
