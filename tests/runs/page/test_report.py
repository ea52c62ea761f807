"""`kmc report`: one page that needs no other file, looked at in a browser at two widths."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.cli import main
from runs.study.study_file import load_study
from runs.study.table import StudyTable

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--virtual-time-budget=5000", "--enable-logging=stderr"),
]
MEASURE = """<script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, images = [...page.images];
    return {width: frame.clientWidth, content: page.documentElement.scrollWidth,
            pictures: images.filter(image => image.complete && image.naturalWidth > 0).length, images: images.length,
            font: parseFloat(frame.contentWindow.getComputedStyle(page.querySelector("td")).fontSize)};
  });
  document.title = JSON.stringify(found);
});
</script>"""


@pytest.fixture(scope="module")
def report(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("report") / "report.html"
    assert main(["report", str(tiny_run), "--output", str(page)]) == 0
    return page


def test_what_the_page_holds(report: Path, tiny_run: Path) -> None:
    text = report.read_text()
    run = json.loads((tiny_run / "results.json").read_text())["runs"][0]
    assert html.escape("E_A (eV)") in text and "1300 K" in text and "1400 K" in text
    for line in run["warnings"] + run["notes"]:
        assert html.escape(line) in text
    assert "CHGNet 0.3.0" in text and "temperature_K" in text and "finished = true" in text
    assert text.count("data:image/svg+xml;base64,") >= 3  # msd of both temperatures, arrhenius
    assert not re.search(r'(src|href)="(?!data:|#)', text), "the page loads another file"
    assert "<script" not in text


def test_a_study(tiny_run: Path, tmp_path: Path) -> None:
    """A point that is finished and one that failed."""
    (tmp_path / "study.toml").write_text('run = "smallest"\nvary = { "run.seed" = [1, 2] }\n')
    shutil.copytree(tiny_run, tmp_path / "seed=1")
    (tmp_path / "seed=2").mkdir()
    (tmp_path / "seed=2" / "failure.txt").write_text("too small\n")
    table = StudyTable(load_study(tmp_path / "study.toml")[0], tmp_path)
    table.read_finished()
    table.write()
    assert main(["report", str(tmp_path)]) == 0
    text = (tmp_path / "report.html").read_text()
    assert "Every finished point" in text and "seed=2: too small" in text
    assert "Activation energies over the runs of the study" in text and "CHGNet 0.3.0" in text
    shutil.rmtree(tmp_path / "seed=1")
    assert main(["report", str(tmp_path)]) == 0
    text = (tmp_path / "report.html").read_text()
    assert "Every finished point" in text and "Resolved inputs" not in text


def test_folders_without_results(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "no results.json" in refused("report", tmp_path)
    (tmp_path / "results.json").write_text("{")
    assert "damaged" in refused("report", tmp_path)
    (tmp_path / "results.json").write_text('{"rows": [], "vary": 3}')
    assert "not the results of this version" in refused("report", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_in_a_browser_at_two_widths(report: Path, tmp_path: Path) -> None:
    """Every picture is there, nothing is wider than the screen, and the console holds no error."""
    inner = html.escape(report.read_text())
    frames = "".join(
        f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{inner}"></iframe>' for width in (390, 1280)
    )
    (tmp_path / "frames.html").write_text(f'<!DOCTYPE html><meta charset="utf-8">{MEASURE}<body>{frames}')
    assert CHROMIUM is not None
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000", "--dump-dom"]
    done = subprocess.run(
        [*command, (tmp_path / "frames.html").as_uri()], capture_output=True, text=True, timeout=300, check=True
    )
    title = re.search(r"<title>(\[.*?\])</title>", done.stdout)
    assert title is not None, done.stderr
    phone, screen = json.loads(html.unescape(title[1]))
    for each in (phone, screen):
        assert each["content"] <= each["width"], each
        assert each["pictures"] == each["images"] >= 3, each
        assert each["font"] >= 12.0, each
    assert phone["width"] == 390
    assert "CONSOLE" not in done.stderr, done.stderr
