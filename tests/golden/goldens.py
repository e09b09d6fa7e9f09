"""Write the golden reports anew: ``python tests/golden/goldens.py``.

``reports/SCENARIO/`` gets ``result.json`` and ``report.md`` of each shipped scenario, without what describes the machine, and one of
them its ``postmortem.md``,
``tests/golden/street.sha256`` the digest of one small journal, ``docs/checks.md`` what the checks say of themselves,
``docs/decidable.md`` which run can decide which check, and ``docs/behaviours.md`` what the field guide answers.
Two scenarios also get ``report.html``, and ``reports/README.md`` is the index.
``reports/guide.html`` and ``reports/guide.md`` are the field guide.
``tests/golden/smallest/`` gets what the first failures of some planted wrong behaviours are made small to. Look at what ``git diff``
says before committing them: it is what a change did to every behaviour that the project shows.
"""

from __future__ import annotations

import json
import re
import textwrap
from functools import cache
from pathlib import Path

from harness import guiding, pages, shipped
from harness.api import run
from harness.check.catalogue import EXPLANATIONS, NAMES
from harness.check.decidable import KINDS, TABLE
from harness.check.result import BEHAVIOURS
from harness.report import document, markdown
from harness.report import guide as guide_report
from harness.report.html import guide as guide_page
from harness.search.mutants import Task, look_for
from harness.search.space import source

HERE = Path(__file__).resolve().parent
REPORTS = HERE.parents[1] / "reports"
STREET = HERE / "street.yaml"
DIGEST = HERE / "street.sha256"
CHECKS_PAGE = HERE.parents[1] / "docs" / "checks.md"
DECIDABLE_PAGE = HERE.parents[1] / "docs" / "decidable.md"
BEHAVIOURS_PAGE = HERE.parents[1] / "docs" / "behaviours.md"
POSTMORTEM_OF = "power-cut-in-outage"
_SIGNS = {"decidable": "yes", "after-replay": "later", "with-books": "with its books", "not-on-the-wire": "no"}


WITH_PAGE = ("faq-walkthrough", "power-cut-in-outage")
"""The scenarios whose page is kept, too; the others' are as easily made as looked at."""
INDEX = REPORTS / "README.md"
SMALLEST = {
    "hold-survives-power-cycle": "juicebox-40", "keeps-hold-for-next-car": "juicebox-40", "replays-refused-commands": "juicebox-40",
    "frees-share-at-loss": "juicebox-40", "forgets-share-at-power-up": "juicebox-40", "lifts-pause-once": "juicebox-v09u",
    "raises-to-offline-amperage": "juicebox-v09u", "keeps-old-utc-offset": "waybox", "availability-forgotten": "uk-smart",
    "registers-only-once": "ocpp16-strict", "numbers-readings-once": "ocpp201", "loses-schedule-while-holding": "uk-smart",
}  # fmt: skip
"""Planted wrong behaviours, and over which charger model each is looked for."""


def reports_of(name: str) -> dict[Path, bytes]:
    """The golden files of a shipped scenario, as they should be."""
    made = run(name)
    outcome = made.outcome
    found = {
        REPORTS / name / "result.json": document.render(outcome, None),
        REPORTS / name / "report.md": markdown.render(outcome).encode(),
    }
    if name in WITH_PAGE:
        found[REPORTS / name / "report.html"] = pages.page(outcome, made.journal)
    if name == POSTMORTEM_OF:
        found[REPORTS / name / "postmortem.md"] = pages.postmortem(outcome, made.journal)
    return found


def guide() -> dict[Path, bytes]:
    """The field guide of all shipped charger models."""
    made = _guide()
    return {REPORTS / "guide.html": guide_page.render(made), REPORTS / "guide.md": guide_report.render(made).encode()}


@cache
def _guide() -> guide_report.Guide:
    return guiding.made_of(shipped.model_names("charger"), REPORTS)


def behaviours_page() -> bytes:
    """The page about what each charger does: below the last row that was written by hand, what the field guide answers."""
    cells = {(row.name, cell.question.asks): cell for row in _guide().rows for cell in row.cells}
    asked = list(dict.fromkeys(asks for _, asks in cells))

    def answered(table: re.Match[str]) -> str:
        names = table["names"].split(" | ")
        return table["by_hand"] + "".join(f"| {asks} | {' | '.join(_answer(cells[name, asks]) for name in names)} |\n" for asks in asked)

    page = BEHAVIOURS_PAGE.read_text(encoding="utf-8")
    by_hand = r"(?P<by_hand>^\| \| (?P<names>.*) \|\n(?:\|.*\n)*?\| station without mains for a while .*\n)"
    return re.sub(rf"{by_hand}(?:\|.*\n)*", answered, page, flags=re.MULTILINE).encode()


def _answer(cell: guide_report.Cell) -> str:
    marks = {"stated": "", "assumption": " (A)", "partly assumption": " (part A)", "inferred": " (inferred)"}
    return f"{cell.answer}{marks[cell.basis]}"


def smallest_of(mutant: str) -> dict[Path, bytes]:
    """The smallest scenario of the first failure of a planted wrong behaviour."""
    found = look_for(Task(source(SMALLEST[mutant]), mutant, plans=2000)).smallest
    assert found is not None
    return {HERE / "smallest" / f"{mutant}.yaml": found.text.encode()}


def index() -> bytes:
    """The gallery: a row for each shipped scenario, made from the golden results."""
    rows = []
    for name in shipped.scenario_names():
        result = json.loads((REPORTS / name / "result.json").read_text(encoding="utf-8"))
        times = " | ".join(str(result["behaviours"].get(behaviour, 0) or "–") for behaviour in BEHAVIOURS)
        links = f"[report]({name}/report.md)" + (f", [page]({name}/report.html)" if name in WITH_PAGE else "")
        rows.append(
            f"| [{name}](../scenarios/{name}.yaml) | {result['title']} | {result['verdict']} | {times} | {result['outage']} | {links} |"
        )
    head = f"| scenario | | verdict | {' | '.join(BEHAVIOURS)} | the outage | |\n|---|---|---|{'--:|' * len(BEHAVIOURS)}---|---|\n"
    text = INDEX.read_text(encoding="utf-8")
    told = head + "\n".join(rows) + "\n"
    return re.sub(r"(?<=^## The shipped outages\n\n).*", lambda _: told, text, flags=re.MULTILINE | re.DOTALL).encode()


def street_digest() -> str:
    """The digest of the street's journal."""
    return run(STREET, twin=False).outcome.digest


def checks_page() -> bytes:
    """The page about checks, its catalogue as the checks explain themselves today."""
    told = "".join(_told(name) for name in NAMES)
    page = CHECKS_PAGE.read_text(encoding="utf-8")
    return re.sub(r"(?<=^## The catalogue\n\n).*?(?=^## )", lambda _: told, page, flags=re.MULTILINE | re.DOTALL).encode()


def decidable_page() -> bytes:
    """The page about what which run can decide, its tables as the data has them."""
    kinds = "".join(f"| {kind} | {what} |\n" for kind, what in KINDS.items())
    reasons = list(dict.fromkeys(cell.why for row in TABLE.values() for cell in row.values() if cell.why))
    rows = [
        f"| {name} | " + " | ".join(
            _SIGNS[cell.decision] + (f" ({reasons.index(cell.why) + 1})" if cell.why else "") for cell in row.values()
        ) + " |\n" for name, row in TABLE.items()
    ]  # fmt: skip
    notes = "".join(f"{number}. {reason[0].upper()}{reason[1:]}.\n" for number, reason in enumerate(reasons, start=1))
    head = f"| check | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}\n"
    page = DECIDABLE_PAGE.read_text(encoding="utf-8")
    page = re.sub(r"(?<=\| what is ours in it \|\n\|---\|---\|\n).*?(?=\n\n|\n$)", lambda _: kinds.strip(), page, count=1, flags=re.DOTALL)
    told = f"{head}{''.join(rows)}\n{notes}"
    return re.sub(r"(?<=^## The table\n\n).*", lambda _: told, page, flags=re.MULTILINE | re.DOTALL).encode()


def _told(name: str) -> str:
    """A check's part of the page."""
    explanation = EXPLANATIONS[name]
    points = zip(("When", "Then", "Evidence", "Default bound", "Source"), explanation, strict=True)
    lines = [textwrap.fill(f"- **{label}:** {text}.", 120, subsequent_indent="  ", break_on_hyphens=False) for label, text in points]
    return "\n".join([f"### {name}", "", NAMES[name], "", *lines, "", ""])


def regenerate() -> None:
    """Write all of them, and say which changed."""
    files = {DIGEST: f"{street_digest()}\n".encode(), CHECKS_PAGE: checks_page(), DECIDABLE_PAGE: decidable_page(), **guide()}
    files[BEHAVIOURS_PAGE] = behaviours_page()
    for name in shipped.scenario_names():
        files |= reports_of(name)
    for mutant in SMALLEST:
        files |= smallest_of(mutant)
    _write(files)
    _write({INDEX: index()})


def _write(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(path.relative_to(REPORTS.parent))


if __name__ == "__main__":
    regenerate()
