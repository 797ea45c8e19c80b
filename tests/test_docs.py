"""The documents: what they name exists. What they say is for their readers to judge."""

import argparse
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from prepaid.runner.environment import BASE_FOLDER
from prepaid.runner.install import COMMANDS, HELP
from terminals.commands import parser

DOCUMENTS = [
    BASE_FOLDER / "README.md",
    BASE_FOLDER / "CHANGELOG.md",
    *sorted(BASE_FOLDER.glob("docs/**/*.md")),
]
DECISIONS = [path for path in DOCUMENTS if re.match(r"\d{4}-", path.name)]
TEXTS = {path: path.read_text() for path in DOCUMENTS}


def name_of(path: Path) -> str:
    return str(path.relative_to(BASE_FOLDER))


def anchor_of(heading: str) -> str:
    """Give the anchor that a heading has where Markdown is shown."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", TEXTS[document]):
        file, _, anchor = target.partition("#")
        path = (document.parent / file).resolve() if file else document
        assert path.exists(), target
        if anchor:
            assert anchor in map(anchor_of, re.findall(r"^#+ (.+)$", path.read_text(), re.M)), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_exists(document: Path) -> None:
    text = TEXTS[document]
    agent = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    of_run = set(re.findall(r"\./run ([a-z]+)", text))
    of_manage = set(re.findall(r"(?:manage\.py|\./run manage) ([a-z_]+)", text))
    of_agent = set(re.findall(r"python -m terminals ([a-z-]+)", text))
    assert of_run <= {*COMMANDS, "help"}
    assert of_manage <= get_commands().keys()
    assert of_agent <= agent.keys()


def test_help_names_each_command() -> None:
    assert [command for command in COMMANDS if f"./run {command}" not in HELP] == ["up"]


def test_every_decision_is_listed_and_every_number_is_one_decision() -> None:
    listed = re.findall(
        r"^- \[(\d{4})\]\(([^)]+)\) (.+)$", (BASE_FOLDER / "docs/adr/README.md").read_text(), re.M
    )
    titles = [re.match(r"# (\d{4})\.? (.+)", TEXTS[path]) for path in DECISIONS]
    assert listed == [(t[1], path.name, t[2]) for t, path in zip(titles, DECISIONS, strict=True) if t]
    numbers = [path.name[:4] for path in DECISIONS]
    assert sorted(set(numbers)) == numbers


@pytest.mark.parametrize("folder", ["docs", "prepaid", "terminals", "simulation", "tests", "templates"])
def test_every_decision_that_is_cited_exists(folder: str) -> None:
    numbers = {path.name[:4] for path in DECISIONS}
    cited = {
        number
        for path in (BASE_FOLDER / folder).rglob("*")
        if path.suffix in {".py", ".sql", ".md", ".html"}
        for text in re.findall(r"ADR \d{4}(?:(?:,| to| and) \d{4})*", path.read_text())
        for number in re.findall(r"\d{4}", text)
    }
    assert cited <= numbers


def test_the_glossary_has_each_word_once_in_both_languages() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", TEXTS[BASE_FOLDER / "docs/glossary.md"], re.M
    )[2:]
    words = [word for word, _, _ in rows]
    assert sorted(set(words)) == sorted(words)
    assert len(words) > 100
    assert all(re.search(r"[\u4e00-\u9fff]", chinese) for _, chinese, _ in rows)


def test_the_first_page_is_short() -> None:
    assert len(TEXTS[BASE_FOLDER / "README.md"].splitlines()) < 150
