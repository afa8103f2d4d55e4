import base64
import os
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from warpmarks.errors import InputError
from warpmarks.evaluation.average_image import AverageImage
from warpmarks.plots.history import History
from warpmarks.report.content import Picture, RunSummary, Section
from warpmarks.report.embedding import embed_image
from warpmarks.report.page import build_report, render_report
from warpmarks.report.pictures import Deformations, Instances, Looks, draw_pictures

NASTY = "<script>alert('x')</script>\n\"Müller\" & söhne 🐈\udcff\x07 $title"
SUMMARY = RunSummary(
    name=NASTY,
    num_landmarks=7,
    num_images=1234,
    num_unreadable=2,
    steps=5000,
    seconds=754.0,
    ending="it has converged",
    equivariance_error_percent=1.234,
    advice=(NASTY,),
    settings={"num_landmarks": 7, NASTY: NASTY, "image": {"height": 80}},
    versions={"warpmarks": "0.1.0", NASTY: "1"},
)
VOID = {"meta", "img", "source", "br"}


class Page(HTMLParser):
    """Checks that tags are closed in order, and gathers what a browser would load or show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(attrs) == len(dict(attrs)), f"an attribute of {tag} is given twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return "".join(self.words)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Section, ...]]:
    folder = tmp_path_factory.mktemp("run")
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (30, 24, 36, 3), np.uint8)
    landmarks = generator.uniform(3, 20, (30, 7, 2))
    maps = generator.dirichlet(np.ones(12 * 18), (2, 7)).reshape(2, 7, 12, 18)
    sections = draw_pictures(
        folder / "pictures",
        Instances(images, landmarks, Looks(images[: len(maps)], landmarks[: len(maps)], maps)),
        Deformations(images[:6].reshape(2, 3, 24, 36, 3), landmarks[:6].reshape(2, 3, 7, 2)),
        History.from_lines([{"step": 10, "loss": 3.0}]),
        flags={3: "nailed"},
    )
    titled = replace(sections[0], title=NASTY, introduction=NASTY)
    pictures = (replace(titled.pictures[0], title=NASTY, caption=NASTY, alt=NASTY),)
    return folder, (replace(titled, pictures=pictures), *sections)


@pytest.fixture(scope="module")
def page(run: tuple[Path, tuple[Section, ...]]) -> Page:
    folder, sections = run
    path = build_report(folder, SUMMARY, sections)
    assert path == folder / "report.html"
    return Page(path.read_text(encoding="utf-8"))


def test_nothing_is_loaded_from_anywhere(page: Page):
    assert not page.all("script")
    assert not page.all("link")
    for image in page.all("img"):
        assert image["src"].startswith("data:image/")
    for source in page.all("source"):
        assert source["srcset"].startswith("data:image/")
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "srcset", "href", "action", "style"}:
                assert value.startswith(("data:image/", "#", "background:#")), value
    (policy,) = (m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'")


def test_the_style_loads_nothing_either(run: tuple[Path, tuple[Section, ...]], page: Page):
    text = (run[0] / "report.html").read_text(encoding="utf-8")
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def test_images_are_whole_and_say_their_size_and_content(page: Page):
    images = page.all("img")
    assert len(images) == 1 + 3 + 1 + 2 + 6
    for image in images:
        content = base64.b64decode(image["src"].partition("base64,")[2], validate=True)
        with Image.open(BytesIO(content)) as opened:
            opened.load()
            assert opened.size == (int(image["width"]), int(image["height"]))
        assert image["alt"].strip()


def test_names_are_shown_as_they_are_and_not_obeyed(page: Page):
    shown = "<script>alert('x')</script>\n\"Müller\" & söhne 🐈\\udcff\ufffd $title"
    # Page title, heading, advice, navigation, section, introduction, picture, caption, settings
    # (name and value) and versions.
    assert page.text.count(shown) == 11
    assert page.all("img")[0]["alt"] == shown


def test_links_lead_somewhere(page: Page):
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    for link in page.all("a"):
        assert link["href"].removeprefix("#") in names


@pytest.mark.parametrize(("count", "folded"), [(3, False), (4, True)])
def test_links_to_many_sections_of_one_kind_are_folded_away(count, folded):
    training = Section("Training", "", ())
    several = tuple(Section(f"Points {index}", "", (), kind="cat") for index in range(count))
    page = Page(render_report(SUMMARY, (training, *several)))
    assert ("4 cats" in page.text) == folded
    assert len(page.all("summary")) == 2 + folded
    for name in ("Training", *(section.title for section in several)):
        assert page.text.count(name) == 2 + (name == "Training")  # a fact is called Training time
    links = [link["href"] for link in page.all("a")]
    assert links == [*(f"#section-{number}" for number in range(1, count + 2)), "#settings"]


def test_headline_facts_are_there(page: Page):
    for fact in ("1,234", "2 unreadable", "5,000", "it has converged", "12 min", "1.23 %", "sound"):
        assert fact in page.text
    assert "image.height" in page.text


def test_colours_of_all_landmarks_are_shown(page: Page):
    chips = [attributes for attributes in page.all("li") if "style" in attributes]
    assert len(chips) == 7


def test_the_report_is_replaced_whole_and_is_readable_by_others(
    run: tuple[Path, tuple[Section, ...]], tmp_path: Path
):
    (tmp_path / "report.html").write_text("old")
    missing = Section("s", "", (Picture("p", "", tmp_path / "none.png"),))
    with pytest.raises(InputError, match=r"none\.png cannot be put into the report"):
        build_report(tmp_path, SUMMARY, (missing,))
    assert (tmp_path / "report.html").read_text() == "old"
    path = build_report(tmp_path, SUMMARY, ())
    assert os.listdir(tmp_path) == ["report.html"]  # noqa: PTH208 (hidden files count)
    assert stat.S_IMODE(path.stat().st_mode) & 0o444


def test_thirty_landmarks_stay_well_under_six_megabytes(tmp_path: Path):
    generator = np.random.default_rng(0)
    # Noise is the worst that a compressor can meet; a mix with a smooth part is still hard.
    smooth = np.linspace(60, 190, 128)[None, None, :, None]
    images = np.clip(smooth + generator.normal(0, 12, (24, 128, 128, 3)), 0, 255).astype(np.uint8)
    landmarks = generator.uniform(0, 127, (24, 30, 2))
    maps = np.full((1, 30, 64, 64), 1 / 4096)
    sections = draw_pictures(
        tmp_path / "pictures",
        Instances(images, landmarks, Looks(images[: len(maps)], landmarks[: len(maps)], maps)),
    )
    path = build_report(tmp_path, replace(SUMMARY, num_landmarks=30), sections)
    assert path.stat().st_size < 5_000_000


@pytest.mark.parametrize(("count", "drawn"), [(1, False), (2, True)])
def test_one_image_has_no_average(tmp_path: Path, count: int, drawn: bool):
    image = np.full((24, 36, 3), 90, np.uint8)
    landmarks = np.full((count, 3, 2), 9.0)
    images, no_maps = np.stack([image] * count), np.zeros((0, 3, 6, 9))
    instances = Instances(images, landmarks, Looks(images[:0], landmarks[:0], no_maps))
    average = AverageImage(image, image, landmarks[0], count, 0.2, 0.4)
    sections = draw_pictures(tmp_path, instances, average=average)
    assert ("The category on average" in [section.title for section in sections]) is drawn
    captions = " ".join(picture.caption for picture in sections[0].pictures)
    assert ("mean over all of 2 images (" in captions) is drawn
    assert ("is a landmark in one of 2 images, within" in captions) is drawn
    assert "of 1 image" not in captions


def test_line_drawings_are_embedded_without_loss(tmp_path: Path):
    drawing = np.full((50, 80, 3), 255, np.uint8)
    drawing[20:23, 10:70] = [9, 88, 196]
    Image.fromarray(drawing).save(tmp_path / "drawing.png")
    content = base64.b64decode(embed_image(tmp_path / "drawing.png").uri.partition(",")[2])
    with Image.open(BytesIO(content)) as opened:
        np.testing.assert_array_equal(np.asarray(opened.convert("RGB")), drawing)


@pytest.mark.parametrize(
    ("size", "embedded"), [((1368, 30000), (747, 16383)), ((3600, 2), (1800, 1)), ((3, 9), (3, 9))]
)
def test_pictures_of_any_size_are_embedded(tmp_path: Path, size, embedded):
    Image.new("RGB", size, "red").save(tmp_path / "picture.png")
    image = embed_image(tmp_path / "picture.png")
    assert (image.width, image.height) == embedded
    with Image.open(BytesIO(base64.b64decode(image.uri.partition(",")[2]))) as opened:
        assert opened.size == embedded
