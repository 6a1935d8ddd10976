"""The HTML report in a real browser."""

import functools
import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import make_signature
from runs import SMALL

pytest_plugins = ("report_fixtures",)

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "")
# Without background services, which would look for hosts of their own; root has no sandbox.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WIDTHS = {"phone": 390, "desktop": 1280}


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("no browser: chromium is not on the PATH (apt-get install chromium)")
    reason = "playwright is not installed (pip install playwright)"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(browser, small_runs, run_cli, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    stated = json.loads((small_runs.first / "results.jsonl").read_text().splitlines()[0])
    inputs = ("--inputs", Path(stated["folder"]) / stated["inputs"])
    done = run_cli("report", small_runs.first, *inputs, "--out", out, cwd=out.parent)
    assert done.returncode == 0, done.stderr
    return out


class Opened:
    """A page, what its console said and what it asked for."""

    def __init__(self, browser, file, **options):
        self.messages, self.asked = [], []
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: self.messages.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())


@pytest.fixture
def opened_page(browser):
    pages = []

    def open_page(file, **options):
        pages.append(Opened(browser, file, **options))
        return pages[-1]

    yield open_page
    for opened_one in pages:
        opened_one.context.close()


@pytest.fixture
def opened(opened_page, file):
    return functools.partial(opened_page, file)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_the_page_opens_without_a_word_and_without_the_network(opened, file, width, scheme):
    shown = opened(viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert shown.messages == []
    asked = [url for url in shown.asked if not url.startswith("data:image/png")]
    assert asked == [file.as_uri()]
    # Nothing is wider than the screen: tables scroll in their own frame.
    assert shown.page.evaluate("document.documentElement.scrollWidth") == width


def test_light_and_dark_are_readable(opened):
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme).page
        ratios = page.evaluate(CONTRAST)
        assert len(ratios) > 20
        assert min(ratios.values()) >= 4.5, (scheme, min(ratios, key=ratios.get))


# The contrast of all text with the page, as WCAG has it.
CONTRAST = """() => {
  const of = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
  };
  const found = {};
  for (const node of document.querySelectorAll("p, td, th, dt, dd, li, h1, h2, h3, text, code")) {
    const style = getComputedStyle(node);
    const ink = of(node.tagName === "text" ? style.fill : style.color);
    const paper = of(background(node));
    const [high, low] = ink > paper ? [ink, paper] : [paper, ink];
    const name = node.tagName + ": " + node.textContent.trim().slice(0, 40);
    found[name] = (high + 0.05) / (low + 0.05);
  }
  return found;
}"""


def test_tables_sort_by_what_numbers_mean(opened):
    page = opened().page
    table = page.locator("table", has_text="Speed, batch 1").first
    first = table.locator("tbody tr").first.locator("th")
    title = table.locator("thead th", has_text="batch 1").first
    title.get_by_role("button").click()
    assert title.get_attribute("aria-sort") == "ascending"
    numbers = "rows => rows.map(row => Number(row.cells[1].dataset.sort))"
    up = table.locator("tbody tr").evaluate_all(numbers)
    assert up == sorted(up)
    assert max(up) > min(up)
    quickest = first.text_content()
    title.get_by_role("button").click()
    assert title.get_attribute("aria-sort") == "descending"
    assert table.locator("tbody tr").evaluate_all(numbers) == up[::-1]
    assert first.text_content() != quickest
    table.locator("thead th", has_text="artifact").get_by_role("button").press("Enter")
    names = table.locator("tbody th").all_text_contents()
    assert names == sorted(names, key=str.lower)


def test_the_plots_are_there(opened):
    page = opened(viewport={"width": 390, "height": 800}).page
    assert page.locator("svg.dots").count() >= 2
    assert page.locator("svg.curves").count() >= 1
    for plot in page.locator("svg.dots").all():
        box = plot.bounding_box()
        marks = plot.locator(":scope > g > .mark")
        assert marks.count() >= 2
        for mark in marks.all():
            middle = mark.bounding_box()
            across = middle["x"] + middle["width"] / 2
            assert box["x"] <= across <= box["x"] + box["width"]


def test_plots_take_the_width_of_the_page(opened):
    page = opened(viewport={"width": 1280, "height": 800}).page
    room = page.locator("main").bounding_box()["width"]
    for plot in page.locator("figure.plot").all():
        assert plot.bounding_box()["width"] == pytest.approx(room, rel=0.01)
    names = page.locator(".beside .names").first
    assert names.is_visible() and not page.locator("svg.dots .name").first.is_visible()
    curves = page.locator("svg.curves").first.bounding_box()["width"]
    assert curves > 0.9 * room


def test_the_cost_by_size_fits_on_a_phone(
    tmp_path, fake_artifact, inputs_file, run_cli, opened_page
):
    runs = []
    for size in (28, 64, 128, 224):
        folder = tmp_path / str(size)
        images = np.random.default_rng(0).random((4, size, size, 3), dtype=np.float32)
        signature = make_signature((None, size, size, 3))
        for name in ("fast", "slow"):
            call_s = (1 if name == "fast" else 2) * size * 2e-5
            fake_artifact(folder, name, signature=signature, call_s=call_s)
        inputs_file(folder / "inputs.npz", image=images)
        done = run_cli("run", "fast", "slow", *SMALL, "--batch", "2", cwd=folder)
        assert done.returncode == 0, done.stderr
        runs += folder.glob("runs/*")
    done = run_cli("report", *runs, "--out", "report.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = opened_page(tmp_path / "report.html", viewport={"width": 390, "height": 800}).page
    figure = page.locator("figure", has_text="by size of the inputs")
    texts = figure.locator("svg.across text")
    assert texts.all_text_contents() == [f"{s} x {s} x 3" for s in (28, 64, 128, 224)]
    boxes = [text.bounding_box() for text in texts.all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    for box, other in itertools.combinations(boxes, 2):
        apart = box["x"] + box["width"] < other["x"] or abs(box["y"] - other["y"]) >= 12
        assert apart, (box, other)


def test_it_can_be_read_without_scripts_and_on_paper(opened):
    page = opened(java_script_enabled=False).page
    assert page.locator("tbody tr").count() > 5
    assert page.locator("thead button").count() == 0
    assert page.pdf(format="A4").startswith(b"%PDF")
