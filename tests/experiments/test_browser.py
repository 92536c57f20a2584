"""What a visitor sees: a real comparison in a real store, its page and MLflow's pages in a real browser."""

import re
import shutil
import signal
import subprocess
import sys

import pytest

from neuralzoo.experiments.running.files import read_json

pytest.importorskip("mlflow", reason="the pages need the extra 'experiments'")
playwright = pytest.importorskip("playwright.sync_api", reason="looking at pages needs the extra 'browser'")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
PATIENCE = 90_000  # milliseconds: MLflow's page is large, and the machine may be busy

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore"),  # the browser driver's own
    pytest.mark.skipif(CHROMIUM is None, reason="looking at pages needs chromium on this machine"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a store and a comparison of two candidates, made by the command line."""
    place = tmp_path_factory.mktemp("browser")
    wide = "wide: fnn model.hidden=[32] model.activation=tanh model.dropout=0 model.input_dropout=0"
    words = [wide, "linear: fnn model.hidden=[]", "--dataset", "two-spirals", "--seeds", "2", "--out", "out"]
    settings = ["--set", "epochs=12", "--set", "batch_size=16", "--set", "optimizer.lr=0.02"]
    command = [sys.executable, "-m", "neuralzoo.experiments.cli", "compare", *words, *settings]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len({metrics["test/accuracy"] for metrics in records(place).values()}) > 2  # or finding them means little
    return place


@pytest.fixture(scope="module")
def links(place):
    """The addresses that `neuralzoo ui` prints: the server, and the leaderboard."""
    command = [sys.executable, "-m", "neuralzoo.experiments.cli", "ui", "--port", "0"]
    server = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        first, second = server.stdout.readline(), server.stdout.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+", first).group(), re.search(r"http\S+", second).group()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        server.stdout.close()


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *QUIET])
        yield browser
        browser.close()


@pytest.fixture
def look(chromium, tmp_path):
    """Open an address in a window and wait for a text; the page is kept as a screenshot."""
    tabs = []

    def look(address, text, **settings):
        tab = chromium.new_page(viewport={"width": 1500, "height": 1600}, **settings)
        tab.complaints = []
        tab.on("console", lambda message: message.type == "error" and tab.complaints.append(message.text))
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.on("requestfailed", lambda request: tab.complaints.append(request.url))
        tabs.append(tab)
        tab.goto(address)
        tab.get_by_text(text, exact=True).first.wait_for(timeout=PATIENCE)
        return tab

    yield look
    for number, tab in enumerate(tabs):
        screenshot = tmp_path / f"seen-{number}.png"
        tab.screenshot(path=screenshot, full_page=True)
        print(f"screenshot: {screenshot}")
        tab.close()


def records(place):
    """The metrics of each run by its name."""
    return {path.parent.name: read_json(path)["metrics"] for path in (place / "out").glob("*/result.json")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_comparison_shows_names_values_and_charts(place, look, scheme):
    tab = look((place / "out/comparison.html").as_uri(), "Settings that differ", color_scheme=scheme)
    body = tab.inner_text("body")
    for label in ("wide", "linear"):
        values = [metrics["test/accuracy"] for name, metrics in records(place).items() if name.startswith(label)]
        assert f"{sum(values) / len(values):.4f}" in body
        assert tab.locator("svg text", has_text=label).count() == 5  # in the results and in the legends of all curves
    charts = [box.bounding_box() for box in tab.locator("svg").all()]
    assert len(charts) == 5
    assert all(box["width"] > 300 and box["height"] > 80 for box in charts)
    widths = tab.eval_on_selector_all("img", "all => all.map(image => image.complete && image.naturalWidth)")
    assert len(widths) == 6
    assert all(width > 100 for width in widths)
    assert tab.complaints == []


def test_charts_have_the_pages_ink_in_light_and_in_dark(place, look):
    address = (place / "out/comparison.html").as_uri()
    inks = []
    for scheme in ("light", "dark"):
        tab = look(address, "Settings that differ", color_scheme=scheme)
        fill = "text => getComputedStyle(text).fill"
        inks.append(tab.locator("svg text").first.evaluate(fill))
        assert inks[-1] == tab.evaluate("getComputedStyle(document.body).color")
    assert inks[0] != inks[1]


def test_the_page_can_be_read_on_a_narrow_screen(place, look):
    tab = look((place / "out/comparison.html").as_uri(), "Settings that differ")
    tab.set_viewport_size({"width": 390, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_each_run_on_the_page_is_a_link_to_its_place_in_mlflow(place, look, links):
    tab = look((place / "out/comparison.html").as_uri(), "Settings that differ")
    tab.get_by_text("Every run", exact=True).click()
    address = tab.get_by_role("link", name="wide · seed 1").get_attribute("href")
    assert "/#/experiments/" in address
    run = look(address.replace("http://127.0.0.1:5000", links[0]), "wide-s1")
    run.get_by_text("Finished", exact=True).first.wait_for(timeout=PATIENCE)


def test_the_leaderboard_shows_every_run_with_the_headline_metric_first(place, look, links):
    tab = look(links[1], "wide-s0")
    body = tab.inner_text("body")
    for name, metrics in records(place).items():
        assert name in body
        assert str(metrics["test/accuracy"])[:6] in body
    assert "compare wide, linear" in body
    heads = [head.strip() for head in tab.locator("[role=columnheader]").all_inner_texts()]
    metrics = [head for head in heads if "/" in head]
    assert metrics[0].startswith("test/accuracy"), heads


def test_the_parent_run_shows_its_children_and_the_table(place, look, links):
    run = read_json(place / "out/tracking.json")["run_id"]
    experiment = re.search(r"experiments/(\d+)", links[1]).group(1)
    tab = look(f"{links[0]}/#/experiments/{experiment}/runs/{run}", "Child runs")
    tab.get_by_text("wide-s0").first.wait_for(timeout=PATIENCE)
    tab.get_by_role("cell", name="wide").first.wait_for(timeout=PATIENCE)


def test_the_figures_of_a_run_are_shown_with_its_metrics(place, look, links):
    run = read_json(place / "out/wide-s0/tracking.json")["run_id"]
    experiment = re.search(r"experiments/(\d+)", links[1]).group(1)
    tab = look(f"{links[0]}/#/experiments/{experiment}/runs/{run}/model-metrics", "n_params")
    tab.set_viewport_size({"width": 1500, "height": 4000})  # charts are drawn when they come into sight
    tab.locator("img[src*=confusion_matrix]").first.wait_for(timeout=PATIENCE)
    width = "image => new Promise(done => { const see = () => image.naturalWidth ? done(image.naturalWidth) : "
    width += "setTimeout(see, 100); see(); })"
    assert tab.locator("img[src*=confusion_matrix]").first.evaluate(width) > 100
