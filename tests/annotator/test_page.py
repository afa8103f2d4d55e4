"""The annotator's page in headless Chromium, against the real server."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotator_browsing import CHROMIUM, Server, Tab, until
from disc_pictures import draw_discs, write_disc_run
from warpmarks.annotator.new_scheme import starting_scheme

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
    pytest.mark.slow,
]

POINTS = "left disc,right disc,blue disc"
HOSTILE = [
    "<script>document.title='broken into'<script>.png",
    "<img src=x onerror=document.title='broken into'>.png",
    'two\nlines & "quotes" 😀.png',
    f"{'long ' * 40}.png",
]
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
LAPTOP, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
TABLET = {"width": 800, "height": 1100}
# Every place that the stage has had since the page began, drawing by drawing.
STAGE_BOXES = """
window.stageBoxes = [];
const look = () => {
    const stage = document.querySelector("#stage");
    if (stage) {
        const { x, y, width, height } = stage.getBoundingClientRect();
        const box = [x, y, width, height];
        if (String(box) !== String(stageBoxes.at(-1))) stageBoxes.push(box);
    }
    requestAnimationFrame(look);
};
look();
"""

# The addresses of the answers that the page reads, told once it has done what follows.
TAKEN = """() => {
    window.taken = [];
    window.readAnswer ??= Response.prototype.json;
    Response.prototype.json = async function () {
        const value = await readAnswer.call(this);
        setTimeout(() => taken.push(this.url));
        return value;
    };
}"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("discs")
    return folder, draw_discs(folder, [f"{index:02}.png" for index in range(14)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    write_disc_run(folder)
    return folder


@pytest.fixture
def serve(run: Path, pictures: Any, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*options: str, images: Path = pictures[0]) -> Server:
        servers.append(Server(run, images, tmp_path / "project", *options))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright.expect.set_options(timeout=60_000)  # machines that run tests are busy
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


class Visits:
    """Opens pages, and keeps what must not happen on any of them."""

    def __init__(self, chromium: Any, truth: dict[str, np.ndarray]) -> None:
        self._chromium, self._truth = chromium, truth
        self.contexts: list[Any] = []
        self.trouble: list[str] = []

    def __call__(self, server: Server, **options: Any) -> Tab:
        context = self._chromium.new_context(**({"viewport": LAPTOP} | options))
        context.set_default_timeout(60_000)
        self.contexts.append(context)
        return self.tab(server, context)

    def tab(self, server: Server, context: Any) -> Tab:
        page = context.new_page()
        own = f"http://127.0.0.1:{server.port}/"

        def requested(request: Any) -> None:
            if not request.url.startswith((own, "blob:", "data:")):
                self.trouble.append(f"request of {request.url}")

        def logged(message: Any) -> None:
            if "Content Security Policy" in message.text:
                self.trouble.append(message.text)

        page.on("request", requested)
        page.on("console", logged)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.goto(server.address)
        page.wait_for_selector("#stage, .closed")
        return Tab(page, self._truth)


@pytest.fixture
def visit(chromium: Any, pictures: Any) -> Iterator[Visits]:
    visits = Visits(chromium, pictures[1])
    yield visits
    for context in visits.contexts:
        context.close()
    assert visits.trouble == []


def located(tab: Tab) -> Tab:
    """The tab anew once all landmarks are known: its version and its suggestion stay, then."""

    def known() -> bool:
        locating = tab.get("version")["locating"]
        return locating["done"] == locating["total"]

    until(known, "the landmarks")
    tab.page.reload()
    tab.page.wait_for_selector("#stage")
    return tab


def reach(tab: Tab, count: int) -> None:
    """Label images as suggested until so many are."""
    for index in range(count):
        if index:
            tab.to_another("Space")
        tab.label_all()


def test_the_half_hour(  # noqa: PLR0915
    serve: Callable[..., Server], visit: Visits, tmp_path: Path
) -> None:
    tab = visit(serve())
    page = tab.page

    # Define the points.
    dialog = page.get_by_role("dialog", name="Which points do you want to find?")
    dialog.get_by_label("Names").fill("left disc, right disc, blue disc")
    dialog.get_by_role("button", name="Add").click()
    assert dialog.get_by_label("What mirrors left disc").locator(":checked").inner_text() == (
        "right disc"
    )
    assert dialog.get_by_label("Second point").locator(":checked").inner_text() == "right disc"
    dialog.get_by_role("button", name="Begin").click()
    dialog.wait_for(state="detached")
    scheme = tab.get("project")["scheme"]
    assert [point["name"] for point in scheme["points"]] == ["left disc", "right disc", "blue disc"]
    assert (scheme["mirror"], scheme["normaliser"]) == ([[0, 1]], [0, 1])

    # Label three images, and see the points of all others where they are.
    reach(tab, 3)
    tab.to_another("Space")
    suggested = tab.markers("suggested")
    playwright.expect(suggested).to_have_count(3)
    for index, point in enumerate(tab.truth):
        x, y = tab.to_screen(point)
        box = suggested.nth(index).locator("circle.dashes").bounding_box()
        off = np.hypot(box["x"] + box["width"] / 2 - x, box["y"] + box["height"] / 2 - y)
        scale = tab.stage.locator("img.picture").bounding_box()["width"] / 208
        assert off / scale < 4, index
    # A click on a suggestion's ring accepts it, and tells no error.
    good = page.get_by_role("region", name="How good it is")
    playwright.expect(good).to_contain_text("of 9 points were accepted as suggested")

    # Accept them all with a key, correct one by dragging.
    page.keyboard.press("Enter")
    accepted = tab.wait_for_points(3)
    assert np.abs([[p["x"], p["y"]] for p in accepted] - tab.truth).max() < 4
    goal = tab.truth[2] + [6, -9]
    page.mouse.move(*tab.to_screen(np.array([accepted[2]["x"], accepted[2]["y"]])))
    page.mouse.down()
    page.mouse.move(*tab.to_screen(goal - [3, 0]), steps=4)
    page.mouse.move(*tab.to_screen(goal), steps=2)
    playwright.expect(page.locator(".loupe")).to_be_visible()
    page.mouse.up()
    moved = until(lambda: (p := tab.saved()["points"])[2] != accepted[2] and p, "the moved point")
    np.testing.assert_allclose([moved[2]["x"], moved[2]["y"]], goal, atol=0.6)
    assert moved[:2] == accepted[:2]
    playwright.expect(good).to_contain_text(re.compile(r"\d %"))

    # All of it outlives a reload, undo too.
    name = tab.name
    page.reload()
    assert tab.name == name
    playwright.expect(tab.markers("placed")).to_have_count(3)
    page.keyboard.press("Control+z")
    until(lambda: tab.saved()["points"] == accepted, "the undone move")
    page.keyboard.press("Control+y")
    until(lambda: tab.saved()["points"] == moved, "the move made again")

    # Export, and read it back.
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog", name="Export")
    dialog.get_by_label(re.compile("only what a person placed")).check()
    dialog.get_by_label("DeepLabCut").check()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "points.csv")
    with (tmp_path / "points.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    found = next(row for row in rows if any(cell.endswith(name) for cell in row))
    assert list(dict.fromkeys(rows[1][-6:])) == ["left disc", "right disc", "blue disc"]
    expected = [value for point in moved for value in (point["x"], point["y"])]
    np.testing.assert_allclose([float(value) for value in found[-6:]], expected, atol=0.01)


def test_everything_by_keyboard(  # noqa: PLR0915
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve())
    page, keys = tab.page, tab.page.keyboard

    playwright.expect(page.get_by_role("dialog").get_by_label("Names")).to_be_focused()
    keys.type("left disc, right disc")
    keys.press("Enter")
    keys.press("Enter")
    until(lambda: len(tab.get("project")["scheme"]["points"]) == 2, "two points")
    playwright.expect(page.get_by_role("dialog")).to_have_count(0)

    # A point that is nowhere appears in the middle; single pixels, then steps of ten.
    playwright.expect(tab.stage.locator("img.picture:not(.waiting)")).to_be_visible()
    keys.press("1")
    keys.press("ArrowRight")
    first = tab.wait_for_points(1)[0]
    keys.press("ArrowLeft")
    keys.press("ArrowUp")
    keys.press("ArrowUp")
    keys.press("Shift+ArrowRight")
    expected = {"x": first["x"] - 1 + 10, "y": first["y"] - 2, "visible": True}
    until(lambda: tab.saved()["points"][0] == expected, "the nudged point")

    # The second cannot be seen; then it can, then it is taken away.
    keys.press(".")
    keys.press("v")
    assert tab.wait_for_points(2)[1] == {"x": None, "y": None, "visible": False}
    keys.press("v")
    tab.wait_for_points(1)
    keys.press("ArrowDown")
    tab.wait_for_points(2)
    keys.press("Delete")
    tab.wait_for_points(1)

    # Accept what is suggested elsewhere, and go on and back.
    first_name = tab.name
    tab.to_another("n")
    playwright.expect(tab.markers("suggested")).to_have_count(1)
    keys.press("Enter")
    tab.wait_for_points(1)
    tab.to_another("p")
    assert tab.name == first_name

    # Zooming, panning and back.
    picture = tab.stage.locator("img.picture")
    width = picture.bounding_box()["width"]
    keys.press("+")
    larger = pytest.approx(1.4 * width, rel=0.01)
    until(lambda: picture.bounding_box()["width"] == larger, "a larger picture")
    left = picture.bounding_box()["x"]
    keys.press("Alt+ArrowRight")
    until(lambda: picture.bounding_box()["x"] < left - 20, "what is further right")
    keys.press("f")
    until(lambda: picture.bounding_box()["width"] == pytest.approx(width), "the whole picture")

    # Help, and the gallery.
    keys.press("?")
    playwright.expect(page.get_by_role("dialog", name="How it works")).to_be_visible()
    keys.press("Escape")
    playwright.expect(page.get_by_role("dialog")).to_have_count(0)
    keys.press("g")
    page.get_by_label("Sort by").select_option("folder")
    page.locator("[role=option][tabindex='0']").focus()
    keys.press("End")
    keys.press("ArrowLeft")
    until(lambda: page.locator(":focus").get_attribute("aria-posinset") == "13", "the 13th image")
    keys.press("Enter")
    assert tab.name == "12.png"
    keys.press("s")
    playwright.expect(page.get_by_role("heading", name="Shapes", level=1)).to_be_visible()
    keys.press("l")
    playwright.expect(tab.stage).to_be_focused()

    # One can turn single keys off.
    keys.press("?")
    page.get_by_label(re.compile("one letter")).uncheck()
    keys.press("Escape")
    keys.press("g")
    playwright.expect(tab.stage).to_be_visible()


def test_a_phone(serve: Callable[..., Server], visit: Visits) -> None:
    tab = visit(serve("--points", POINTS), viewport=PHONE, has_touch=True, is_mobile=True)
    page = tab.page
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert tab.stage.bounding_box()["height"] > 0.3 * PHONE["height"]
    for point in tab.truth:
        page.touchscreen.tap(*tab.to_screen(point))
    saved = tab.wait_for_points(3)
    np.testing.assert_allclose([[p["x"], p["y"]] for p in saved], tab.truth, atol=0.6)
    accept = page.get_by_role("button", name="Next image", exact=True).last
    assert accept.bounding_box()["height"] >= 44
    before = tab.name
    accept.tap()
    until(lambda: tab.name != before, "the next image")
    page.get_by_role("button", name=re.compile("Accept 3")).tap()
    tab.wait_for_points(3)
    for section in ("Gallery", "Shapes"):
        page.get_by_role("button", name=section).tap()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_a_phone_shows_that_all_is_saved_and_how_far_the_search_is(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", POINTS), viewport=PHONE)
    page = tab.page
    locating = {"done": 12345, "total": 20000}
    for address in ("project", "version"):
        answer = json.dumps(tab.get(address) | {"locating": locating})
        page.route(f"**/api/{address}", lambda route, _, body=answer: route.fulfill(body=body))
    page.reload()
    search = page.get_by_text("finding landmarks: 12,345 of 20,000 images")
    for seen in (search, page.get_by_role("progressbar"), page.get_by_text("saved", exact=True)):
        playwright.expect(seen).to_be_visible()
        box = seen.bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= PHONE["width"]


def test_errors_are_told_of_each_point_and_beside_that_of_the_mean_shape(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", "left disc,right disc,no disc"), viewport=PHONE)
    for _ in range(2):
        for index in range(2):
            tab.page.keyboard.press(str(index + 1))
            tab.click(tab.truth[index] + 12)  # beside a suggestion, which else is accepted
        tab.wait_for_points(2)
        tab.to_another("Space")
    tab.page.get_by_text("Each point").click()
    good = tab.page.get_by_role("region", name="How good it is")
    playwright.expect(good).to_contain_text(re.compile(r"mean shape \d+\.\d+ %"))
    rows = good.get_by_role("row")
    playwright.expect(rows).to_have_text(
        [
            re.compile(r"left disc\d+\.\d+ %\d+\.\d+ px"),
            re.compile(r"right disc\d+\.\d+ %\d+\.\d+ px"),
            "no disc––",
        ]
    )


def test_going_on_at_once_shows_what_the_last_point_brought(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", POINTS))
    page, name = tab.page, tab.name
    begun = tab.number
    places = [tab.to_screen(point) for point in tab.truth]
    # The next image is asked for ahead, with what one point brings there.
    with page.expect_response(
        lambda answer: (
            re.search(rf"api/images/(?!{begun}\b)\d+$", answer.url) is not None
            and sum(point is not None for point in answer.json()["predicted"]) == 1
        )
    ):
        page.mouse.click(*places[0])
    for place in places[1:]:
        page.mouse.click(*place)
    page.keyboard.press("Space")
    until(lambda: tab.name != name, "the next image")
    playwright.expect(tab.markers("suggested")).to_have_count(3)


@pytest.mark.parametrize(
    ("pointer", "on_ring", "beside"), [("touch", 9, 18), ("mouse", 6, 11)], ids=["touch", "mouse"]
)
def test_a_click_beside_a_ring_places_the_point_there(
    serve: Callable[..., Server], visit: Visits, pointer: str, on_ring: float, beside: float
) -> None:
    touch = {"viewport": PHONE, "has_touch": True, "is_mobile": True} if pointer == "touch" else {}
    tab = visit(serve("--points", POINTS), **touch)
    page = tab.page
    press = page.touchscreen.tap if pointer == "touch" else page.mouse.click
    reach(tab, 2)
    tab.to_another("Space")
    playwright.expect(tab.markers("suggested")).to_have_count(3)
    suggested = np.array(tab.saved()["predicted"])
    scale = tab.stage.locator("img.picture").bounding_box()["width"] / 208

    def press_at(index: int, off: float) -> np.ndarray:
        place = suggested[index] - [off / scale, 0]
        press(*tab.to_screen(place))
        return place

    def places(count: int) -> list[np.ndarray | None]:
        return [p and np.array([p["x"], p["y"]]) for p in tab.wait_for_points(count)]

    # By its nearest suggestion; as chosen before, near its own and near another's; on the ring.
    expected = press_at(0, beside)
    np.testing.assert_allclose(places(1)[0], expected, atol=0.6)
    page.keyboard.press("3")
    expected = press_at(1, beside)
    np.testing.assert_allclose(places(2)[2], expected, atol=0.6)
    page.keyboard.press("Delete")
    tab.wait_for_points(1)
    page.keyboard.press("2")
    expected = press_at(1, beside)
    np.testing.assert_allclose(places(2)[1], expected, atol=0.6)
    page.keyboard.press("Delete")
    tab.wait_for_points(1)
    press_at(1, on_ring)
    assert np.hypot(*(places(2)[1] - suggested[1])) < 0.6 * on_ring / scale


def test_a_suggestion_is_dragged_from_beside_its_ring(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", POINTS))
    page = tab.page
    reach(tab, 2)
    tab.to_another("Space")
    playwright.expect(tab.markers("suggested")).to_have_count(3)
    suggested = np.array(tab.saved()["predicted"][1])
    x, y = tab.to_screen(suggested)
    scale = tab.stage.locator("img.picture").bounding_box()["width"] / 208
    page.mouse.move(x + 11, y)
    page.mouse.down()
    page.mouse.move(x + 11, y - 30, steps=4)
    page.mouse.up()
    found = tab.wait_for_points(1)[1]
    goal = suggested - [0, 30 / scale]
    np.testing.assert_allclose([found["x"], found["y"]], goal, atol=0.6)


def test_a_finger_that_is_not_still_drags_no_suggestion(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", POINTS), viewport=PHONE, has_touch=True, is_mobile=True)
    reach(tab, 2)
    tab.to_another("Space")
    playwright.expect(tab.markers("suggested")).to_have_count(3)
    suggested = np.array(tab.saved()["predicted"][0])
    scale = tab.stage.locator("img.picture").bounding_box()["width"] / 208
    beside = suggested - [18 / scale, 0]
    x, y = tab.to_screen(beside)
    session = tab.page.context.new_cdp_session(tab.page)
    for kind, *right in (("touchStart", 0), ("touchMove", 4), ("touchMove", 8), ("touchEnd",)):
        points = [{"x": x + each, "y": y} for each in right]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    placed = tab.wait_for_points(1)[0]
    np.testing.assert_allclose([placed["x"], placed["y"]], beside, atol=0.6)


@pytest.mark.parametrize("size", [PHONE, TABLET], ids=["phone", "tablet"])
def test_what_comes_late_does_not_move_the_picture(
    serve: Callable[..., Server], visit: Visits, size: dict[str, int]
) -> None:
    tab = visit(serve("--points", POINTS), viewport=size, has_touch=True, is_mobile=True)
    tab.page.add_init_script(STAGE_BOXES)
    tab.page.reload()
    for point in tab.truth:
        tab.page.touchscreen.tap(*tab.to_screen(point))
    tab.wait_for_points(3)
    playwright.expect(tab.page.get_by_role("heading", name="How good it is")).to_be_visible()
    playwright.expect(tab.page.get_by_role("heading", name="Best to label next")).to_be_visible()
    box = tab.stage.bounding_box()
    seen = tab.page.evaluate("stageBoxes")
    assert seen == [[pytest.approx(box[side]) for side in ("x", "y", "width", "height")]]


def test_a_window_of_another_size_shows_the_same_part_of_a_zoomed_picture(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", POINTS), viewport=LAPTOP)
    picture, stage = tab.stage.locator("img.picture:not(.waiting)"), tab.stage
    fitted = picture.bounding_box()["width"]
    for _ in range(5):
        tab.page.keyboard.press("+")
    until(lambda: picture.bounding_box()["width"] > 2 * fitted, "the zoomed picture")

    def middle() -> np.ndarray:
        """Of the stage, in shares of the picture's width and height."""
        drawn, room = picture.bounding_box(), stage.bounding_box()
        return np.array(
            [
                (room["x"] + room["width"] / 2 - drawn["x"]) / drawn["width"],
                (room["y"] + room["height"] / 2 - drawn["y"]) / drawn["height"],
            ]
        )

    before, width = middle(), picture.bounding_box()["width"]
    height = stage.bounding_box()["height"]
    tab.page.set_viewport_size({"width": LAPTOP["width"] - 200, "height": LAPTOP["height"] - 160})
    until(lambda: stage.bounding_box()["height"] < height - 100, "the smaller stage")
    until(lambda: np.allclose(middle(), before, atol=0.002), "the same part of it")
    assert picture.bounding_box()["width"] == pytest.approx(width)


def test_two_fingers_zoom(serve: Callable[..., Server], visit: Visits) -> None:
    tab = visit(serve("--points", POINTS), viewport=PHONE, has_touch=True, is_mobile=True)
    picture, stage = tab.stage.locator("img.picture"), tab.stage
    assert tab.name
    point = np.array([100, 80])
    before = tab.to_screen(point)
    width = picture.bounding_box()["width"]
    session = tab.page.context.new_cdp_session(tab.page)

    def fingers(kind: str, *apart: float, right: float = 0) -> None:
        x, y = before
        points = [{"x": x + right + side, "y": y} for side in apart]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    # The browser hands the moves on finger by finger, several as one where it is busy.
    fingers("touchStart", -30, 30)
    fingers("touchMove", -75, 75, right=25)
    fingers("touchEnd")
    until(lambda: picture.bounding_box()["width"] > 2.4 * width, "the zoomed picture")
    assert picture.bounding_box()["width"] == pytest.approx(2.5 * width, rel=0.02)
    assert tab.to_screen(point)[0] == pytest.approx(before[0] + 25, abs=2)
    # Up and down it fits into the stage, and is held in the middle.
    drawn, room = picture.bounding_box(), stage.bounding_box()
    assert drawn["y"] + drawn["height"] / 2 == pytest.approx(room["y"] + room["height"] / 2, abs=2)

    # Nor is a third finger a tap.
    fingers("touchStart", -30, 30)
    fingers("touchStart", -30, 30, 50)
    fingers("touchEnd")
    tab.page.wait_for_timeout(500)
    assert tab.saved()["points"] == [None, None, None]


class Held:
    """Keeps the first answer to an address back, as a network might, and lets later ones pass.

    Without ``reached`` the request itself does not reach the server before it is given.
    """

    def __init__(
        self, page: Any, address: str, method: str = "GET", *, reached: bool = True
    ) -> None:
        self._page, self._method, self._reached = page, method, reached
        self._kept: tuple[Any, Any] | None = None
        page.route(re.compile(address), self._take)
        # Chromium begins to hold requests back some time after it is asked to.
        held: list[Any] = []

        def probe(route: Any) -> None:
            held.append(route)
            route.fulfill(body="")

        page.route("**/probe", probe)
        until(lambda: page.evaluate("fetch('probe').then(() => true)") and held, "a probe")
        page.unroute("**/probe")

    def _take(self, route: Any) -> None:
        if self._kept is None and route.request.method == self._method:
            self._kept = route, route.fetch() if self._reached else None
        else:
            route.fallback()

    def wait(self) -> None:
        # Not asleep: the page's requests are seen only in between.
        until(lambda: self._page.wait_for_timeout(20) or self._kept, "a request")

    def give(self) -> None:
        """And wait until the page has taken it, and drawn what follows from it."""
        route, answer = self._kept
        self._page.evaluate(TAKEN)
        if answer is None:
            route.continue_()
        else:
            route.fulfill(response=answer)
        if route.request.resource_type == "fetch":
            until(lambda: route.request.url in self._page.evaluate("taken"), "the answer")


Late = tuple[Tab, Tab, list[tuple[float, float]]]


@pytest.fixture
def late(serve: Callable[..., Server], visit: Visits) -> Late:
    """A tab, another one on the next image, and where the points of the first one's image are."""
    server = serve("--points", POINTS)
    tab = located(visit(server))
    assert tab.name
    other = visit.tab(server, tab.page.context)
    other.to_another("n")
    tab.page.bring_to_front()
    return tab, other, [tab.to_screen(point) for point in tab.truth]


def place_points(tab: Tab, where: list[tuple[float, float]]) -> None:
    for count, place in enumerate(where, start=1):
        tab.page.mouse.click(*place)
        tab.wait_for_points(count)
    playwright.expect(tab.page.locator(".saved")).to_have_text("saved")


def test_late_answers_pass_over_nothing_that_another_tab_did(late: Late) -> None:
    tab, other, where = late
    page, number = tab.page, tab.number
    stale = json.dumps(tab.get("version"))
    page.route("**/api/version", lambda route: route.fulfill(body=stale))
    other.click(np.array([60, 50]))
    other.wait_for_points(1)
    page.mouse.click(*where[0])
    tab.wait_for_points(1)
    playwright.expect(page.locator(".saved")).to_have_text("saved")
    page.unroute("**/api/version")
    playwright.expect(page.locator(".count")).to_have_text("0 of 14 labelled, 2 begun")

    # Of the image, after another tab's change.
    answer = Held(page, rf"api/images/{number}$")
    other.click(np.array([130, 90]))
    answer.wait()
    page.mouse.click(*where[1])
    tab.wait_for_points(2)
    playwright.expect(page.locator(".saved")).to_have_text("saved")
    answer.give()
    page.mouse.click(*where[2])
    tab.wait_for_points(3)
    playwright.expect(tab.markers("placed")).to_have_count(3)


def test_late_answers_undo_nothing(late: Late) -> None:
    tab, _, where = late
    page, placed = tab.page, tab.markers("placed")
    place_points(tab, where)

    # Of the image, after one of two undone changes.
    answer = Held(page, rf"api/images/{tab.number}$")
    page.keyboard.press("Control+z")
    answer.wait()
    page.keyboard.press("Control+z")
    answer.give()
    tab.wait_for_points(1)
    playwright.expect(placed).to_have_count(1)

    # A click while a change is being undone.
    answer = Held(page, "api/undo", "POST")
    page.keyboard.press("Control+y")
    tab.wait_for_points(2)
    playwright.expect(placed).to_have_count(2)
    page.keyboard.press("Control+z")
    answer.wait()
    page.mouse.click(*where[2])
    playwright.expect(page.locator(".notice")).to_contain_text("try again")
    answer.give()
    playwright.expect(placed).to_have_count(1)
    assert page.get_by_role("dialog").count() == 0
    page.mouse.click(*where[2])
    tab.wait_for_points(2)


def test_a_late_gallery_undoes_nothing(late: Late) -> None:
    tab, _, where = late
    page = tab.page
    place_points(tab, where[:2])
    answer = Held(page, "api/predictions")
    page.keyboard.press("g")
    answer.wait()
    page.keyboard.press("l")
    page.mouse.click(*where[2])
    tab.wait_for_points(3)
    name = tab.name
    page.keyboard.press("g")
    shown = page.locator(".tile", has_text=name).locator("svg .ring")
    playwright.expect(shown).to_have_count(3)
    answer.give()
    assert shown.count() == 3


def test_a_picture_that_was_passed_by_does_not_come_late(late: Late) -> None:
    tab, _, _ = late
    page = tab.page
    answer = Held(page, rf"images/{(tab.number + 1) % 14}/file$")
    page.keyboard.press("n")
    answer.wait()
    page.evaluate("window.passed = document.querySelector('#stage img.picture')")
    page.keyboard.press("n")
    here = tab.name
    page.evaluate("passed.onload = () => setTimeout(() => (passed.came = true))")
    answer.give()
    until(lambda: page.evaluate("passed.came"), "the late picture")
    assert page.locator("#stage img.waiting").count() == 0
    assert tab.name == here


def test_a_press_ends_on_the_image_on_which_it_began(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", POINTS))
    page = tab.page
    tab.label_all()
    point = tab.truth[0]
    # A click, and a point that is dragged.
    for path in ([[20, 20]], [point, point + np.array([0, 9]), point + np.array([0, 20])]):
        for step, place in enumerate(path):
            page.mouse.move(*tab.to_screen(np.array(place)))
            if step == 0:
                page.mouse.down()
        tab.to_another("n")
        page.mouse.up()
        page.keyboard.press("1")
        tab.click(np.array([100, 80]))
        assert tab.wait_for_points(1)[0]["x"] == pytest.approx(100, abs=0.6)
        page.keyboard.press("Delete")
        tab.wait_for_points(0)
        tab.to_another("p")


def test_exports_and_shapes_wait_for_the_last_change(
    serve: Callable[..., Server], visit: Visits
) -> None:
    server = serve("--points", POINTS)
    tab = visit(server)
    page = tab.page
    reach(tab, 3)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.on("requestfinished", lambda request: asked.append(f"{request.method} answered"))
    told = page.locator(".shapes header p")
    export = page.get_by_role("dialog", name="Export")
    for count, section in ((4, "s"), (5, "e")):
        tab.to_another("Space")
        name = tab.name
        playwright.expect(tab.markers("suggested")).to_have_count(3)
        asked.clear()
        late = Held(page, "/points$", "PUT", reached=False)
        page.keyboard.press("Enter")
        late.wait()
        page.keyboard.press(section)
        if section == "s":
            late.give()
            playwright.expect(told).to_contain_text(f"{count} complete images")
            assert "PUT answered" in asked[asked.index("points") : asked.index("shapes")]
            page.keyboard.press("l")
            continue
        export.get_by_label(re.compile("only what a person placed")).check()
        with page.expect_download() as download:
            export.get_by_role("button", name="Download").click()
            late.give()
        assert name in Path(download.value.path()).read_text()
    page.keyboard.press("Escape")

    # What was asked for while the server was away comes when it is back.
    server.kill()
    page.keyboard.press("s")
    banner = page.get_by_role("alert").filter(has_text="does not answer")
    playwright.expect(banner).to_be_visible()
    server.start()
    playwright.expect(told).to_contain_text("5 complete images")


def test_two_conflicts_are_asked_about_one_after_the_other(
    serve: Callable[..., Server], visit: Visits
) -> None:
    server = serve("--points", POINTS)
    one = located(visit(server))
    two = visit.tab(server, one.page.context)
    numbers = {image["name"]: image["id"] for image in one.get("project")["images"]}
    one.page.route("**/points", lambda route: route.abort())
    changed = []
    for _ in range(2):
        one.click(np.array([60, 50]))
        changed.append(one.name)
        one.to_another("n")
    for name in changed:
        two.page.keyboard.press("g")
        two.page.locator(".tile", has_text=name).click()
        until(lambda name=name: two.name == name, name)
        two.click(np.array([130, 90]))
        two.wait_for_points(1)
    one.page.unroute("**/points")
    dialog = one.page.get_by_role("dialog", name="This image was changed in another tab")
    playwright.expect(dialog).to_be_visible()
    one.page.reload()
    for _ in changed:
        asked = dialog.element_handle()
        dialog.get_by_role("button", name="Keep mine").click()
        asked.wait_for_element_state("hidden")
    playwright.expect(one.page.locator(".saved")).to_have_text("saved")
    for name in changed:
        assert one.get(f"images/{numbers[name]}")["points"][0]["x"] == pytest.approx(60, abs=0.6)


@pytest.mark.parametrize(("what", "most"), [("progress", 8), ("shapes", 5)])
def test_what_fails_is_not_asked_for_without_end(
    serve: Callable[..., Server], visit: Visits, what: str, most: int
) -> None:
    tab = located(visit(serve("--points", POINTS)))
    page = tab.page
    asked: list[str] = []

    def fail(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=500)

    page.route(f"**/api/{what}", fail)
    tab.click(tab.truth[0])
    playwright.expect(page.locator(".saved")).to_have_text("saved")
    page.keyboard.press("s")
    for _ in range(3):
        with page.expect_response("**/api/version"):
            pass
    assert 1 <= len(asked) <= most


def define_points(tab: Tab, change: str) -> None:
    """Define the second point anew, as another one that is moved there or by another name."""
    tab.page.keyboard.press("d")
    define = tab.page.get_by_role("dialog")
    if change == "moved":
        define.get_by_role("button", name="Move blue disc up").click()
    else:
        define.get_by_role("textbox", name="Name of point 2").fill("other disc")
    define.get_by_role("button", name="Save").click()
    playwright.expect(define).to_have_count(0)


def one_that_hears_nothing_of_two(serve: Callable[..., Server], visit: Visits) -> tuple[Tab, Tab]:
    """Two tabs on one image; the first is always told the version that it has."""
    server = serve("--points", POINTS)
    one = located(visit(server))
    two = visit.tab(server, one.page.context)
    assert one.name == two.name
    stale = json.dumps(one.get("version"))
    one.page.route("**/api/version", lambda route: route.fulfill(body=stale))
    return one, two


@pytest.mark.parametrize("change", ["moved", "renamed"])
def test_keep_mine_keeps_each_point_of_points_that_another_tab(
    serve: Callable[..., Server], visit: Visits, change: str
) -> None:
    one, two = one_that_hears_nothing_of_two(serve, visit)
    define_points(two, change)
    one.page.keyboard.press("2")
    one.click(np.array([60, 50]))
    dialog = one.page.get_by_role("dialog", name="This image was changed in another tab")
    dialog.get_by_role("button", name="Keep mine").click()
    one.wait_for_points(1)
    names = [point["name"] for point in one.get("project")["scheme"]["points"]]
    place = one.saved()["points"][names.index("right disc" if change == "moved" else "other disc")]
    np.testing.assert_allclose([place["x"], place["y"]], [60, 50], atol=0.6)


def test_points_that_another_tab_moved_meanwhile_are_not_defined_by_mistake(
    serve: Callable[..., Server], visit: Visits
) -> None:
    server = serve("--points", POINTS)
    one = located(visit(server))
    two = visit.tab(server, one.page.context)
    one.page.keyboard.press("d")
    define = one.page.get_by_role("dialog")
    define.get_by_role("textbox", name="Name of point 2").fill("red disc")
    # The page hears of what another tab does.
    with one.page.expect_response("**/api/project"):
        define_points(two, "moved")
    define.get_by_role("button", name="Save").click()
    playwright.expect(define.get_by_role("alert")).to_contain_text("changed elsewhere")
    names = [point["name"] for point in one.get("project")["scheme"]["points"]]
    assert names == ["left disc", "blue disc", "right disc"]


def test_a_change_that_had_arrived_stays_under_its_name_when_another_tab_moves_it(
    serve: Callable[..., Server], visit: Visits
) -> None:
    one, two = one_that_hears_nothing_of_two(serve, visit)
    one.page.route("**/points", lambda route: (route.fetch(), route.abort()))
    one.page.keyboard.press("2")
    one.click(np.array([60, 50]))
    one.wait_for_points(1)
    define_points(two, "moved")
    one.page.unroute("**/points")
    playwright.expect(one.page.locator(".saved")).to_have_text("saved")
    assert one.page.get_by_role("dialog").count() == 0
    one.page.keyboard.press("2")
    one.click(np.array([130, 90]))
    points = one.wait_for_points(2)
    assert points[0] is None
    places = [[place["x"], place["y"]] for place in points[1:]]
    np.testing.assert_allclose(places, [[130, 90], [60, 50]], atol=0.6)


@pytest.mark.parametrize(("choice", "kept"), [("Keep mine", 1), ("Keep the other tab's", 0)])
def test_two_tabs_do_not_overwrite_each_other(
    serve: Callable[..., Server], visit: Visits, choice: str, kept: int
) -> None:
    server = serve("--points", POINTS)
    one = visit(server)
    two = visit.tab(server, one.page.context)
    assert one.name == two.name
    # The second does not hear of the first in time.
    stale = json.dumps(two.get("version"))
    two.page.route("**/api/version", lambda route: route.fulfill(body=stale))

    places = np.array([[60.0, 50.0], [130.0, 90.0]])
    one.click(places[0])
    first = one.wait_for_points(1)
    two.click(places[1])
    dialog = two.page.get_by_role("dialog", name="This image was changed in another tab")
    playwright.expect(dialog).to_be_visible()
    assert two.saved()["points"] == first
    dialog.get_by_role("button", name=choice).click()
    playwright.expect(dialog).to_have_count(0)

    def settled() -> bool:
        point = one.saved()["points"][0]
        return np.allclose([point["x"], point["y"]], places[kept], atol=0.6)

    until(settled, f"the point of {choice}")
    # The first tab sees what has become of it.
    x, y = one.to_screen(places[kept])

    def shown() -> bool:
        box = one.markers("placed").first.locator(".outline").bounding_box()
        return (
            abs(box["x"] + box["width"] / 2 - x) < 3 and abs(box["y"] + box["height"] / 2 - y) < 3
        )

    until(shown, "the point in the first tab")


def test_a_server_that_is_killed_and_comes_back(
    serve: Callable[..., Server], visit: Visits
) -> None:
    server = serve("--points", POINTS)
    tab = visit(server)
    page, name, number = tab.page, tab.name, tab.number
    tab.click(np.array([60, 50]))
    tab.wait_for_points(1)
    where = tab.to_screen(np.array([130, 90]))
    server.kill()
    box = tab.stage.bounding_box()
    page.mouse.click(*where)
    banner = page.get_by_role("alert").filter(has_text="does not answer")
    playwright.expect(banner).to_contain_text("is kept here")
    playwright.expect(tab.markers("placed")).to_have_count(2)
    assert tab.stage.bounding_box() == box, "no click goes astray"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+z")
    playwright.expect(page.locator(".notice")).to_contain_text("is not saved yet: try again")
    page.set_viewport_size({"width": 900, "height": 500})
    page.keyboard.press("e")
    page.get_by_role("button", name="Download").click()
    told = page.get_by_role("dialog").get_by_role("status")
    playwright.expect(told).to_contain_text("is not saved yet: try again")
    playwright.expect(told).to_be_in_viewport()
    page.keyboard.press("Escape")
    page.set_viewport_size(LAPTOP)
    until(lambda: tab.stage.bounding_box() == box, "the window as it was")
    server.start()
    playwright.expect(banner).to_have_count(0)
    saved = until(
        lambda: (p := tab.get(f"images/{number}")["points"])[1] and p, "the click of meanwhile"
    )
    np.testing.assert_allclose([saved[0]["x"], saved[0]["y"]], [60, 50], atol=0.6)
    np.testing.assert_allclose([saved[1]["x"], saved[1]["y"]], [131, 90], atol=0.6)

    # A reload while it is away loses nothing either.
    where = tab.to_screen(np.array([90, 120]))
    server.kill()
    page.mouse.click(*where)
    playwright.expect(banner).to_be_visible()
    server.start()
    page.goto(server.address)
    assert tab.name == name
    tab.wait_for_points(3)


def test_a_server_that_hangs(serve: Callable[..., Server], visit: Visits) -> None:
    tab = visit(serve("--points", POINTS))
    page, number = tab.page, tab.number
    tab.click(tab.truth[0])
    tab.wait_for_points(1)
    where = [tab.to_screen(point) for point in tab.truth]
    # Half a minute in a second.
    page.evaluate("limit = AbortSignal.timeout; AbortSignal.timeout = (ms) => limit(ms / 30)")
    hung: list[Any] = []
    # The change reaches the server, its answer does not come; then nothing does.
    page.route("**/points", lambda route: (route.fetch(), hung.append(route)))
    page.mouse.click(*where[1])
    until(lambda: page.wait_for_timeout(20) or hung, "the change")
    page.route("**/api/**", lambda route: bool(hung.append(route)))
    name = tab.name
    banner = page.get_by_role("alert").filter(has_text="does not answer")
    playwright.expect(banner).to_contain_text("Your last change is kept here")
    page.mouse.click(*where[2])
    playwright.expect(tab.markers("placed")).to_have_count(3)
    page.keyboard.press("n")
    playwright.expect(tab.stage.locator("img.waiting")).to_have_count(1)
    page.route("**/api/**", lambda route: route.continue_())
    playwright.expect(banner).to_have_count(0)
    playwright.expect(page.locator(".saved")).to_have_text("saved")
    assert tab.name != name
    # What was changed meanwhile is no conflict with what did arrive.
    assert page.get_by_role("dialog").count() == 0
    assert all(tab.get(f"images/{number}")["points"])


def assert_drawn(tab: Tab, folder: Path) -> None:
    """The picture that is shown is that of the image that is named."""
    name = tab.name
    drawn = tab.page.locator("img.picture").evaluate(
        """image => {
            const canvas = document.createElement("canvas").getContext("2d");
            canvas.drawImage(image, 0, 0);
            return [...canvas.getImageData(90, 20, 1, 1).data].slice(0, 3);
        }"""
    )
    with Image.open(folder / name) as picture:
        assert tuple(drawn) == picture.getpixel((90, 20))


def test_what_was_kept_goes_to_its_own_image_and_project(  # noqa: PLR0915
    serve: Callable[..., Server], chromium: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()
    truth = draw_discs(folder, [f"{index}.png" for index in range(6)])
    visit = Visits(chromium, truth)
    server = serve("--points", POINTS, images=folder)
    tab = visit(server)
    page = tab.page
    page.keyboard.press("g")
    page.locator(".tile", has_text="4.png").click()
    until(lambda: tab.name == "4.png", "4.png")
    where = tab.to_screen(np.array([60, 50]))
    banner = page.get_by_role("alert").filter(has_text="server does not")
    server.kill()
    page.mouse.click(*where)
    playwright.expect(banner).to_be_visible()
    (folder / "1.png").unlink()
    server.start()
    until(lambda: tab.get("version")["labelled_images"], "the click of meanwhile")
    labelled = [image["name"] for image in tab.get("project")["images"] if image["labelled"]]
    assert labelled == ["4.png"]
    # The picture, too, is the one that is named.
    assert tab.name == "4.png"
    assert_drawn(tab, folder)

    # Nor where one undoes before the page has heard that there are other images.
    page.route("**/api/version", lambda route: route.abort())
    page.evaluate("window.stays = true")
    server.kill()
    (folder / "2.png").unlink()
    server.start()
    page.keyboard.press("Control+z")

    def opened_anew() -> bool:
        try:
            return not page.evaluate("window.stays")
        except playwright.Error:
            return False  # on its way

    until(opened_anew, "the page to be opened anew")
    page.unroute("**/api/version")
    assert_drawn(tab, folder)
    tab.click(np.array([60, 50]))
    tab.wait_for_points(1)
    labelled = [image["name"] for image in tab.get("project")["images"] if image["labelled"]]
    assert labelled == [tab.name]

    # Nor does a click go to another project of the same name at the same address.
    where = tab.to_screen(np.array([130, 90]))
    server.kill()
    page.mouse.click(*where)
    playwright.expect(banner).to_be_visible()
    server.project.rename(tmp_path / "before")
    server.start()
    playwright.expect(banner).to_contain_text("does not know this page")
    page.goto(server.address)
    assert tab.name
    playwright.expect(page.locator(".saved")).to_have_text("saved")
    assert tab.get("version")["labelled_images"] == 0
    visit.contexts[0].close()
    assert visit.trouble == []


def test_a_picture_that_did_not_come_is_asked_for_again(
    serve: Callable[..., Server], visit: Visits
) -> None:
    server = serve("--points", POINTS)
    tab = visit(server)
    reach(tab, 3)
    page, accept = tab.page, tab.page.get_by_role("button", name="Accept 3")
    tab.to_another("Space")
    playwright.expect(accept).to_be_enabled()
    # The points are known when the server goes, the picture is not.
    page.route("**/file*", lambda route: route.abort())
    images = tab.get("project")["images"]
    order = [*range(tab.number + 1, len(images)), *range(tab.number)]
    for _ in range(1 + [images[index]["complete"] for index in order].index(False)):
        page.keyboard.press("n")
    playwright.expect(accept).to_be_disabled()
    number = int(page.url.split("image=")[1])
    page.keyboard.press("Enter")
    server.kill()
    playwright.expect(page.get_by_role("alert").filter(has_text="not answer")).to_be_visible()
    page.unroute("**/file*")
    server.start()
    playwright.expect(page.locator("#stage img:not(.waiting)")).to_be_visible()
    playwright.expect(accept).to_be_enabled()
    assert not any(tab.get(f"images/{number}")["points"])


def test_pictures_of_the_gallery_that_did_not_come_are_asked_for_again(
    serve: Callable[..., Server], visit: Visits
) -> None:
    page = located(visit(serve("--points", POINTS))).page

    def pictures(are: str) -> bool:
        every = f"(all) => all.length > 0 && all.every((one) => one.{are})"
        return page.locator(".tile img").evaluate_all(every)

    page.route("**/api/**", lambda route: route.abort())
    page.keyboard.press("g")
    playwright.expect(page.get_by_role("alert").filter(has_text="not answer")).to_be_visible()
    until(lambda: pictures("complete"), "what does not come")
    page.unroute("**/api/**")
    until(lambda: pictures("naturalWidth"), "the pictures")


def test_points_are_read_from_what_the_page_and_the_project_keep_of_them(
    serve: Callable[..., Server], visit: Visits, tmp_path: Path
) -> None:
    server = serve("--points", "left: eye,nose,tail,right: eye")
    page = visit(server).page
    name, save = page.get_by_label("Name of point 2"), page.get_by_role("button", name="Save")
    page.keyboard.press("d")
    page.get_by_label("Colour of nose").fill("#123456")
    with page.expect_download() as download:
        page.get_by_role("button", name="To a file").click()
    download.value.save_as(tmp_path / "points.json")
    save.click()
    playwright.expect(page.get_by_role("dialog")).to_be_hidden()
    kept = starting_scheme(str(tmp_path / "points.json"))
    assert kept.names == ("left: eye", "nose", "tail", "right: eye")
    assert (kept.colours[1], kept.mirror, kept.normaliser) == ("#123456", ((0, 3),), (0, 3))
    assert starting_scheme(str(server.project / "points.json")) == kept
    for file in (tmp_path / "points.json", server.project / "points.json"):
        page.keyboard.press("d")
        name.fill("snout")
        page.locator("input[type=file]").set_input_files(file)
        playwright.expect(name).to_have_value("nose")
        save.click()
        playwright.expect(page.get_by_role("dialog")).to_be_hidden()
        assert starting_scheme(str(server.project / "points.json")) == kept


def test_names_are_shown_as_text(
    serve: Callable[..., Server], chromium: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    truth = draw_discs(folder, HOSTILE)
    visit = Visits(chromium, truth)
    tab = visit(serve("--points", f"{HOSTILE[1]},plain", images=folder))
    page = tab.page
    seen = set()
    for _ in HOSTILE:
        # As it is, line break and all, which a comparison of the browser's would smooth away.
        until(lambda: page.locator(".where .name").text_content() == tab.name, "its name")
        seen.add(tab.name)
        tab.click(truth[tab.name][0])
        tab.wait_for_points(1)
        tab.to_another("n")
    assert seen == set(HOSTILE)
    assert page.locator(".point-name").first.inner_text() == HOSTILE[1]
    page.keyboard.press("g")
    playwright.expect(page.locator(".tile")).to_have_count(len(HOSTILE))
    tiles = page.locator(".tile-name").all_text_contents()
    assert set(tiles) == set(HOSTILE)
    assert page.title().endswith("warpmarks")
    assert page.evaluate("document.documentElement.scrollWidth") == LAPTOP["width"]
    visit.contexts[0].close()
    assert visit.trouble == []


def test_a_gallery_of_thousands_stays_quick(serve: Callable[..., Server], visit: Visits) -> None:
    tab = visit(serve("--points", POINTS))
    page, count = tab.page, 5000
    reach(tab, 1)
    project, told = tab.get("project"), tab.get("predictions")
    few = len(project["images"])
    project["images"] = [
        {**project["images"][index % few], "id": index, "name": f"{index:05}.png"}
        for index in range(count)
    ]
    known = told["images"]
    told["images"] = {
        "ids": list(range(count)),
        "points": [known["points"][index % few] for index in range(count)],
        "placed": [None] * count,
        "doubt": [(index * 37 % count) / count for index in range(count)],
    }
    page.route("**/api/project", lambda route: route.fulfill(json=project))
    page.route("**/api/predictions", lambda route: route.fulfill(json=told))
    asked: list[str] = []

    def picture(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(body=b"", status=404)

    page.route("**/file?width=256", picture)
    page.reload()
    assert tab.name
    page.keyboard.press("g")
    options = page.locator(".tile")
    playwright.expect(page.locator("output")).to_have_text("5,000 images")
    playwright.expect(options.first).to_be_visible()
    assert 10 < options.count() < 100
    # The most doubtful one is the first.
    playwright.expect(options.first).to_contain_text(re.compile(r"doubt: 1 of [\d,]+"))
    took = page.evaluate(
        """async () => {
            const tiles = document.querySelector('.tiles');
            const times = [];
            for (let step = 0; step < 40; step += 1) {
                const begun = performance.now();
                tiles.scrollTop = tiles.scrollHeight * step / 40;
                await new Promise(requestAnimationFrame);
                await new Promise(requestAnimationFrame);
                times.push(performance.now() - begun);
            }
            return times.sort((a, b) => a - b)[20];
        }"""
    )
    assert took < 250  # ms for a jump of 125 images and two frames, on a busy machine
    assert 10 < options.count() < 100
    assert len(asked) < count / 2


def test_an_image_is_labelled_when_all_of_its_points_are(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", POINTS))
    count = tab.page.locator(".count")
    tab.click(tab.truth[0])
    playwright.expect(count).to_have_text("0 of 14 labelled, 1 begun")
    tab.click(tab.truth[1])
    tab.page.keyboard.press("3")
    tab.page.keyboard.press("v")  # not visible, and nowhere
    playwright.expect(count).to_have_text("1 of 14 labelled")


def test_what_rounds_to_zero_is_told_without_a_sign(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", POINTS))
    tab.click(np.array([-0.02, 50]))
    (point, *_) = tab.wait_for_points(1)
    assert -0.05 < point["x"] < 0, point
    spoken = tab.page.locator("[aria-live=polite]")
    playwright.expect(spoken).to_contain_text(" at 0.0, ")


def test_the_stage_says_why_a_picture_is_not_there(
    serve: Callable[..., Server], visit: Visits
) -> None:
    server = serve("--points", POINTS)
    tab = visit(server)
    assert tab.name
    sentence = tab.stage.get_by_text("This picture is not here yet")
    server.kill()
    tab.page.keyboard.press("n")
    playwright.expect(sentence).to_be_visible()
    server.start()
    playwright.expect(sentence).to_have_count(0)
    assert tab.name


def test_one_image_is_counted_as_one(serve: Callable[..., Server], visit: Visits) -> None:
    tab = visit(serve("--points", POINTS))
    page = tab.page
    assert tab.name
    page.keyboard.press("g")
    playwright.expect(page.locator("output")).to_have_text("14 images")
    page.get_by_label("Find").fill("03")
    playwright.expect(page.locator("output")).to_have_text("1 image")


def test_a_section_that_is_chosen_before_the_first_image_is_known_stays(
    serve: Callable[..., Server], visit: Visits
) -> None:
    page = visit(serve("--points", POINTS)).page
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route(re.compile("api/suggestion"), hold)
    page.reload()
    until(lambda: page.wait_for_timeout(30) or held, "the question for an image to begin with")
    page.keyboard.press("g")
    playwright.expect(page.locator("output")).to_have_text("14 images")
    held[0].continue_()
    until(lambda: page.evaluate("location.hash").startswith("#image="), "an image to be opened")
    playwright.expect(page.locator("output")).to_have_text("14 images")


def test_an_image_that_is_chosen_before_the_first_is_known_stays_open(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = visit(serve("--points", POINTS))
    page = tab.page
    suggested = tab.name
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route(re.compile("api/suggestion"), hold)
    page.reload()
    until(lambda: page.wait_for_timeout(30) or held, "the question for an image to begin with")
    page.keyboard.press("g")
    tile = page.locator(".tile", has_not_text=suggested).first
    chosen = tile.locator(".tile-name").inner_text()
    tile.click()
    until(lambda: tab.name == chosen, chosen)
    with page.expect_response(re.compile("api/progress")):  # asked for as starting ends
        held[0].continue_()
    assert tab.name == chosen


def test_a_picture_that_cannot_be_read_is_marked_and_passed_over(
    serve: Callable[..., Server], chromium: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    truth = draw_discs(folder, ["0.png", "2.png", "3.png"])
    with Image.open(folder / "0.png") as whole:
        whole.save(folder / "1.jpg")
    (folder / "1.jpg").write_bytes((folder / "1.jpg").read_bytes()[:700])
    visit = Visits(chromium, truth)
    tab = visit(serve("--points", POINTS, images=folder))
    page = tab.page
    notice = page.locator(".notice")
    playwright.expect(notice).to_contain_text("1 image could not be read and is left out: 1.jpg")
    playwright.expect(page.locator(".count")).to_have_text("0 of 3 labelled")
    seen = [tab.name]
    for _ in range(3):
        tab.to_another("n")
        seen.append(tab.name)
    assert (set(seen), seen[0]) == (set(truth), seen[3])
    tab.to_another("p")
    assert tab.name == seen[2]

    page.keyboard.press("g")
    playwright.expect(page.locator("output")).to_have_text("4 images, 1 cannot be read")
    tile = page.locator(".tile.unreadable")
    playwright.expect(tile).to_contain_text("cannot be read")
    playwright.expect(tile.locator("img")).to_have_count(0)

    # Who opens it nevertheless reads why, and is asked for no points.
    tile.click()
    playwright.expect(page.locator(".trouble")).to_contain_text("cannot be read, and is left out")
    playwright.expect(tab.stage.locator("img")).to_have_count(0)
    assert "could not be loaded" not in page.locator("body").inner_text()
    panel = page.get_by_role("complementary")
    assert "click it now" not in panel.inner_text()
    playwright.expect(panel.locator("button.point").first).to_be_disabled()
    page.keyboard.press("1")
    tab.stage.click()
    page.keyboard.press("v")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # on to another, as where all points are placed
    until(lambda: tab.name in truth, "a picture that can be read")
    assert not any(image["labelled"] for image in tab.get("project")["images"])
    visit.contexts[0].close()
    assert visit.trouble == []


def test_each_sentence_of_the_server_has_a_line_of_its_own(
    serve: Callable[..., Server], visit: Visits, tmp_path: Path
) -> None:
    table = tmp_path / "landmarks.csv"
    table.write_text("image,x1,y1,x2,y2,score1,score2\n00.png,9,9,5,5,0.5,\ngone.png,1,2,3,4,,\n")
    notice = visit(serve("--from", str(table))).page.locator(".notice")
    playwright.expect(notice).to_contain_text("gone.png")
    first, second = notice.inner_text().splitlines()
    assert first.endswith("a project begins with what people placed.")
    assert second.endswith("the points there are kept, but not shown.")


def test_the_page_begins_with_the_picture_that_it_recommends(
    serve: Callable[..., Server], visit: Visits
) -> None:
    tab = located(visit(serve("--points", POINTS)))
    page = tab.page
    next_block = page.get_by_role("region", name="Best to label next")
    recommended = next_block.locator(".name")
    playwright.expect(next_block).to_contain_text("a good one to begin with")
    first = tab.name
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.url.endswith("api/version"))
    playwright.expect(recommended).to_have_text(first)
    tab.to_another("n")
    tab.to_another("n")
    assert tab.name != first
    page.reload()
    until(lambda: tab.name == first, "the recommended picture")
    playwright.expect(recommended).to_have_text(first)
    tab.to_another("Space")
    tab.to_another("p")

    # With labels: where the person was, and something else beside it.
    tab.label_all()
    tab.to_another("n")
    there = tab.name
    page.reload()
    assert tab.name == there
    playwright.expect(recommended).not_to_have_text(there)


def test_shapes(serve: Callable[..., Server], visit: Visits) -> None:
    tab = visit(serve("--points", POINTS), reduced_motion="no-preference")
    reach(tab, 4)
    page = tab.page
    page.keyboard.press("s")
    modes = page.locator(".mode")
    playwright.expect(modes.first).to_be_visible()
    grid = modes.first.locator("path.grid")
    before = grid.get_attribute("d")
    until(lambda: grid.get_attribute("d") != before, "a mode that moves")
    page.get_by_role("button", name="Stop the movement").click()
    still = grid.get_attribute("d")
    page.wait_for_timeout(150)
    assert grid.get_attribute("d") == still
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").click()
    rows = list(csv.reader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == 5


def states(tab: Tab) -> Iterator[str]:
    """What the page can show, one after another."""
    page, keys = tab.page, tab.page.keyboard
    yield "defining the points"
    playwright.expect(page.get_by_role("dialog").get_by_label("Names")).to_be_focused()
    keys.type("left disc, right disc, blue disc")
    keys.press("Enter")
    yield "points defined"
    keys.press("Enter")
    playwright.expect(page.get_by_role("dialog")).to_have_count(0)
    yield "nothing labelled"
    reach(tab, 3)
    tab.to_another("Space")
    yield "suggestions"
    for key, name in (("?", "help"), ("e", "export"), ("d", "points")):
        keys.press(key)
        playwright.expect(page.get_by_role("dialog")).to_be_visible()
        yield name
        keys.press("Escape")
    keys.press("g")
    playwright.expect(page.locator(".tile").first).to_be_visible()
    yield "gallery"
    keys.press("s")
    playwright.expect(page.locator(".mode").first).to_be_visible()
    yield "shapes"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_accessibility_rules(
    serve: Callable[..., Server], visit: Visits, scheme: str, size: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run npm ci in web/")
    viewport = {"laptop": LAPTOP, "phone": PHONE}[size]
    tab = visit(serve(), viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = []
    for state in states(tab):
        tab.page.evaluate(AXE.read_text())
        result = tab.page.evaluate("rules => axe.run(document, {runOnly: rules})", rules)
        assert len(result["passes"]) > 10
        found += [
            f"{state}: {violation['id']}: {node['html']} {node['failureSummary']}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]
    assert found == []
