"""The page in headless Chromium, with the runtime's own files and a fake camera."""

import functools
import io
import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from textured_pictures import textured
from warpmarks.errors import InputError
from warpmarks.export import web, web_runtime

PACKAGE = Path(__file__).parents[1] / "web_runtime" / "node_modules" / "onnxruntime-web"
CHROMIUM = shutil.which("chromium")
PIXELS = 0.01  # of the browser's float32 from torch's, on a picture of 160 x 97
PATIENCE = 120_000  # ms, on a busy machine

needs_package = pytest.mark.skipif(
    not PACKAGE.is_dir(), reason="onnxruntime-web is not in tests/web_runtime: npm ci there"
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def model(detector, regressor, tmp_path_factory) -> Path:
    """The session's detector as pages have it."""
    folder = tmp_path_factory.mktemp("model")
    web.write_page(detector, folder, regressor, name="mice")
    return folder / "model.onnx"


@pytest.fixture(scope="module")
def write(detector, regressor, model):
    """Writes the page of the session's detector, whose file is there already."""

    def write_page(folder: Path, **arguments) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                web, "write_onnx", lambda _, path, *__, **___: shutil.copyfile(model, path)
            )
            web.write_page(detector, folder, regressor, **arguments)
        return folder

    return write_page


@pytest.fixture(scope="module")
def folder(write, tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("page"), name="mice <script>", runtime=PACKAGE)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder at the address given."""
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    with served(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                "--enable-unsafe-webgpu",
                "--use-webgpu-adapter=swiftshader",
            ],
            ignore_default_args=["--disable-gpu"],
        )
        yield opened
        opened.close()


on_both_engines = pytest.mark.parametrize("page", ["WebAssembly", "WebGPU"], indirect=True)


@pytest.fixture
def page(request, browser, address):
    """Open and ready; anything that it asks for elsewhere, or complains of, is an error.

    An engine that does not find what Python finds on the check picture is not ready. On
    WebAssembly, if a test does not say otherwise: this browser takes half a minute to make
    programs for its GPU, which is none.
    """
    engine = getattr(request, "param", "WebAssembly")
    opened = browser.new_page()
    asked, complaints = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda line: complaints.append(line.text) if line.type == "error" else None,
    )
    # The browser's GPU is in software, which the page does without unless it is asked for.
    opened.goto(address + ("?engine=webgpu" if engine == "WebGPU" else ""))
    wait_for(opened, f"Ready, with {engine}")
    yield opened
    opened.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []


def wait_for(page, text: str) -> None:
    page.locator("#status").filter(has_text=re.compile(text)).wait_for(timeout=PATIENCE)


def table(page) -> np.ndarray:
    """(rows, 3): x, y, score, nan where there is none."""
    told = page.eval_on_selector_all("#rows tr", "rows => rows.map(row => ({...row.dataset}))")
    return np.array([[float(row[key] or "nan") for key in ("x", "y", "score")] for row in told])


@pytest.mark.slow
@needs_package
@needs_browser
@on_both_engines
def test_a_picture_in_the_browser_gives_what_python_gives(page, detector, regressor, tmp_path):
    pixels = textured((97, 160))
    Image.fromarray(pixels).save(tmp_path / "mouse.png")
    page.set_input_files("#file", tmp_path / "mouse.png")
    wait_for(page, r"mouse\.png, 160 × 97: \d+ ms with")
    found = detector(pixels)
    points = regressor.predict(found.landmarks[None], found.size[None])[0]
    np.testing.assert_allclose(table(page)[:, :2], points, atol=PIXELS, rtol=0)
    names = page.locator("#rows th").all_inner_texts()
    assert names == list(regressor.scheme.names)
    page.get_by_label("Landmarks").check()
    np.testing.assert_allclose(table(page)[:, :2], found.landmarks, atol=PIXELS, rtol=0)
    np.testing.assert_allclose(table(page)[:, 2], found.scores, atol=1e-3, rtol=0)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    lines = Path(saved.value.path()).read_text().splitlines()
    assert saved.value.suggested_filename == "mouse.csv"
    assert lines[0] == "point,x,y,score"
    first = [float(cell) for cell in lines[1].split(",")[1:3]]
    np.testing.assert_allclose(first, found.landmarks[0], atol=PIXELS, rtol=0)


@pytest.mark.slow
@needs_package
@needs_browser
@on_both_engines
def test_what_rounds_to_zero_has_no_sign(page, tmp_path):
    Image.fromarray(textured((1, 1))).save(tmp_path / "dot.png")
    page.set_input_files("#file", tmp_path / "dot.png")
    wait_for(page, r"dot\.png, 1 × 1: \d+ ms with")
    page.get_by_label("Landmarks").check()
    places = table(page)[:, :2]
    assert ((places > -0.05) & (places < 0)).any()
    cells = page.locator("#rows td").all_inner_texts()
    assert "0.0" in cells
    assert "-0.0" not in cells


@needs_package
@needs_browser
def test_marks_lie_on_the_picture(page, detector, regressor, tmp_path):
    pixels = textured((97, 160))
    Image.fromarray(pixels).save(tmp_path / "mouse.png")
    page.set_input_files("#file", tmp_path / "mouse.png")
    wait_for(page, r"mouse\.png")
    page.get_by_label("Landmarks").check()
    box = page.locator("#picture").bounding_box()
    dots = page.locator("#marks circle[stroke]")
    assert dots.count() == 3
    for index, (x, y) in enumerate(detector(pixels).landmarks):
        dot = dots.nth(index).bounding_box()
        centre = (dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
        zoom = box["width"] / 160
        expected = (box["x"] + (x + 0.5) * zoom, box["y"] + (y + 0.5) * zoom)
        np.testing.assert_allclose(centre, expected, atol=1.5)


def edges_of(page) -> tuple[float, float]:
    """How bright the list is at its two edges, between its letters and lines, 0 to 255."""
    box = page.locator("#rows").bounding_box()
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("L"))
    rows = np.median(pixels, axis=1)
    return float(rows[:4].max()), float(rows[-4:].max())


@needs_package
@needs_browser
def test_a_list_that_goes_on_says_so(page, tmp_path):
    Image.fromarray(textured((97, 160))).save(tmp_path / "mouse.png")
    page.set_input_files("#file", tmp_path / "mouse.png")
    wait_for(page, r"mouse\.png")
    whole_first, whole_last = edges_of(page)
    assert page.locator("#what").inner_text() == "4 points"
    page.set_viewport_size({"width": 1000, "height": 150})
    page.locator("#rows").scroll_into_view_if_needed()
    first, last = edges_of(page)
    assert first == pytest.approx(whole_first, abs=2)
    assert last < whole_last - 20
    page.locator("#rows").evaluate("rows => rows.scrollTo(0, rows.scrollHeight)")
    first, last = edges_of(page)
    assert first < whole_first - 20
    assert last == pytest.approx(whole_last, abs=2)
    page.get_by_label("Landmarks").check()
    assert page.locator("#what").inner_text() == "3 landmarks"


@pytest.mark.slow
@needs_package
@needs_browser
@on_both_engines
def test_the_camera_is_searched_frame_by_frame_until_it_is_stopped(page):
    page.get_by_role("button", name="Use camera").click()
    wait_for(page, r"Camera, 640 × 480: \d+ ms a frame")
    before = table(page)
    assert before.shape == (4, 3)
    assert np.isfinite(before[:, :2]).all()
    page.wait_for_function(
        "before => document.querySelector('#rows tr').dataset.x !== before",
        arg=page.locator("#rows tr").first.get_attribute("data-x"),
        timeout=PATIENCE,
    )
    page.get_by_role("button", name="Stop camera").click()
    wait_for(page, "The camera is off")


@needs_package
@needs_browser
def test_a_file_that_is_no_picture_is_told(page, tmp_path):
    (tmp_path / "letter.png").write_text("Dear reader")
    page.set_input_files("#file", tmp_path / "letter.png")
    wait_for(page, r"letter\.png cannot be read as a picture")


@needs_package
@needs_browser
@pytest.mark.parametrize(
    ("name", "told"),
    [("letter.png", "cannot be read as a picture"), ("mk.py", r"mk\.py is no picture")],
)
def test_a_file_that_is_no_picture_leaves_nothing_of_the_last_one(page, tmp_path, name, told):
    Image.fromarray(textured((97, 160))).save(tmp_path / "mouse.png")
    page.set_input_files("#file", tmp_path / "mouse.png")
    wait_for(page, r"mouse\.png, 160")
    assert page.get_by_role("button", name="Save as CSV").is_visible()
    (tmp_path / name).write_text("Dear reader")
    page.set_input_files("#file", tmp_path / name)
    wait_for(page, told)
    assert not page.locator("#results").is_visible()
    assert not page.locator("#picture").is_visible()
    assert page.locator("#marks circle").count() == 0
    page.set_input_files("#file", tmp_path / "mouse.png")
    wait_for(page, r"mouse\.png, 160")
    assert page.locator("#results").is_visible()
    assert page.locator("#picture").is_visible()


@needs_package
@needs_browser
def test_a_changed_runtime_is_refused(browser, write, tmp_path):
    folder = write(tmp_path, name="mice", runtime=PACKAGE)
    with (folder / "runtime" / "ort.wasm.min.mjs").open("a") as file:
        file.write("\n// a guest")
    with served(folder) as address:
        page = browser.new_page()
        page.goto(f"{address}?engine=wasm")
        wait_for(page, r"Loading failed.*ort\.wasm\.min\.mjs cannot be had.*not the file that was")
        assert page.locator("#file").is_disabled()
        page.close()


@needs_browser
def test_without_the_network_the_page_says_what_it_lacks(browser, write, tmp_path):
    folder = write(tmp_path, name="mice", runtime=None)
    with served(folder) as address:
        page = browser.new_page()
        page.route(re.compile("^https:"), lambda route: route.abort())
        page.goto(f"{address}?engine=wasm")
        wait_for(page, r"https://\S+ cannot be had.*--runtime makes a page that does not need \w")
        page.close()


@needs_browser
def test_a_page_that_is_opened_as_a_file_says_how_to_serve_it(browser, write, tmp_path):
    folder = write(tmp_path, name="mice", runtime=None)
    page = browser.new_page()
    page.goto((folder / "index.html").as_uri())
    wait_for(page, "opened as a file: serve its folder")
    page.close()


@needs_package
@needs_browser
@pytest.mark.parametrize("engine", ["wasm", "webgpu"])
def test_an_engine_that_finds_other_landmarks_is_not_taken(browser, write, tmp_path, engine):
    folder = write(tmp_path, name="mice", runtime=PACKAGE)
    text = (folder / "index.html").read_text()
    known = json.loads(re.search(r'"landmarks": (\[[-\d., ]+\])', text)[1])
    moved = [value + (0.5 if at < 4 else 0) for at, value in enumerate(known)]  # of six
    changed = text.replace(json.dumps(known), json.dumps(moved))
    assert changed != text
    (folder / "index.html").write_text(changed)
    with served(folder) as address:
        page = browser.new_page()
        warnings = []
        page.on("console", lambda line: warnings.append(line.text))
        page.goto(f"{address}?engine={engine}")
        wait_for(page, r"Loading failed.*WebAssembly finds landmarks [\d.]+ px off")
        assert any("WebGPU cannot be used" in text for text in warnings) == (engine == "webgpu")
        page.close()


# The folder


def settings_of(folder: Path) -> dict:
    text = (folder / "index.html").read_text()
    return json.loads(re.search(r'id="settings">(.*?)</script>', text)[1])


def test_without_a_package_the_page_asks_a_cdn_for_the_pinned_release(write, tmp_path):
    folder = write(tmp_path, name="mice")
    assert sorted(path.name for path in folder.iterdir()) == [
        "detector.js",
        "index.html",
        "model.onnx",
        "page.css",
        "page.js",
    ]
    files = [file for engine in settings_of(folder)["runtime"].values() for file in engine]
    assert len(files) == 6
    for file in files:
        start = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{web_runtime.VERSION}/dist/ort"
        assert file["url"].startswith(start)
        assert re.fullmatch(r"sha384-[\w+/]{64}", file["integrity"])
    policy = re.search(r"connect-src ([^;]*);", (folder / "index.html").read_text())[1]
    assert policy == "'self' blob: https://cdn.jsdelivr.net"


def test_names_are_text(write, tmp_path):
    folder = write(tmp_path, name="<script>alert('mice')</script>")
    text = (folder / "index.html").read_text()
    assert "<script>alert" not in text
    assert "<h1>&lt;script&gt;alert(&#x27;mice&#x27;)&lt;/script&gt;</h1>" in text


@needs_package
def test_the_hashes_are_those_of_the_pinned_package():
    told = json.loads((PACKAGE / "package.json").read_text())
    assert told["version"] == web_runtime.VERSION
    for engine in web_runtime.cdn_runtime().files.values():
        for file in engine:
            name = file["url"].rpartition("/")[2]
            assert web_runtime.integrity_of(PACKAGE / "dist" / name) == file["integrity"]


def test_what_is_not_the_package(tmp_path):
    with pytest.raises(InputError, match="is not the npm package onnxruntime-web: get it with"):
        web_runtime.copy_runtime(tmp_path, tmp_path / "runtime")
    (tmp_path / "package.json").write_text('{"name": "onnxruntime-web", "version": "0.1.0"}')
    with pytest.raises(InputError, match=r"no dist/ort.webgpu.min.mjs in its version 0\.1\.0"):
        web_runtime.copy_runtime(tmp_path, tmp_path / "runtime")
    assert not (tmp_path / "runtime").exists()
