"""The sizes that keep a file readable in one sitting. Imports are kept by import-linter's contracts."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("prepaid", "terminals", "tests", "bench", "templates", "static")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
SUFFIXES = {".py", ".sql", ".js", ".css", ".html"}
# Not ours to shorten: files taken whole from elsewhere, and what a command writes.
FOREIGN_FOLDERS = {"vendor", "migrations", "node_modules", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def list_files(*suffixes: str) -> list[Path]:
    found = [ROOT / "manage.py"]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes and path.is_file()]
    return [path for path in found if not FOREIGN_FOLDERS & set(path.relative_to(ROOT).parts)]


def list_functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def count_lines(function: Function) -> int:
    """Count a function's lines without its docstring."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return lines
    docstring = function.body[0]
    assert docstring.end_lineno is not None
    return lines - (docstring.end_lineno - docstring.lineno + 1)


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in list_files(*SUFFIXES)}
    assert len(lengths) > 20
    long = {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > FILE_LINES_MAX}
    assert long == {}


def test_no_function_is_longer_than_70_lines() -> None:
    long = {}
    for path in list_files(".py"):
        for function in list_functions(ast.parse(path.read_text(encoding="utf-8"))):
            if count_lines(function) > FUNCTION_LINES_MAX:
                long[f"{path.relative_to(ROOT)}:{function.name}"] = count_lines(function)
    assert long == {}


@pytest.mark.parametrize(("lines", "docstring"), [(3, ""), (3, '    """One\n    two."""\n')])
def test_a_docstring_is_not_counted(lines: int, docstring: str) -> None:
    source = f"def f() -> int:\n{docstring}    a = 1\n    return a\n"
    [function] = list_functions(ast.parse(source))
    assert count_lines(function) == lines


@pytest.mark.parametrize(
    "name",
    [
        "requirements.txt",
        "requirements-dev.txt",
        "terminals/requirements.txt",
        "terminals/requirements-pcsc.txt",
    ],
)
def test_a_lock_pins_with_hashes_and_names_no_registry(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert packages
    assert [line for line in packages if "==" not in line or not line.endswith("\\")] == []
    assert [line for line in lines if "://" in line or line.startswith("-")] == []


def test_the_agent_installs_no_django() -> None:
    names = {
        line.partition("==")[0] for line in (ROOT / "terminals/requirements.txt").read_text().splitlines()
    }
    assert "nfcpy" in names
    assert [name for name in names if name.startswith(("django", "celery", "psycopg"))] == []


def test_the_locks_agree() -> None:
    """One environment holds all three sets, so a package has one version."""
    versions: dict[str, set[str]] = {}
    for name in ("requirements.txt", "requirements-dev.txt", "terminals/requirements.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith((" ", "#")):
                package, _, rest = line.partition("==")
                versions.setdefault(package, set()).add(rest.split()[0])
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}
