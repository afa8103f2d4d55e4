import os
import shutil
import socket
import stat

import pytest
from PIL import Image

from annotator_requests import (
    ADDRESS,
    HOST,
    PORT,
    TOKEN,
    WRITES,
    browser,
    open_session,
    placed,
    put,
)
from warpmarks.annotator import serving
from warpmarks.annotator.guard import Guard, is_loopback, project_token
from warpmarks.annotator.project_images import open_images
from warpmarks.datasets.reading import UnreadableImage
from warpmarks.errors import InputError
from warpmarks.system.progress import SilentProgress

BODY = {"base_version": 0, "points": placed((1, 1), (2, 2))}


@pytest.fixture
def stranger(session, tiny_run):
    with browser(session, tiny_run, signed_in=False) as opened:
        yield opened


@pytest.mark.parametrize(
    "address", ["/", "/api/project", "/api/images/0/file", "/assets/page.js", "/api/shapes.csv"]
)
def test_without_the_cookie_nothing_is_told(stranger, address):
    assert stranger.get(address).status_code == 403
    assert stranger.get(address, params={"token": "wrong"}).status_code == 403
    stranger.cookies.set(f"warpmarks-{PORT}", "wrong")
    assert stranger.get(address).status_code == 403
    # The token belongs to the page's address alone.
    expected = 303 if address == "/" else 403
    assert stranger.get(address, params={"token": TOKEN}).status_code == expected


def test_the_token_is_taken_out_of_the_address_and_kept_from_scripts(stranger):
    answer = stranger.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(f"warpmarks-{PORT}={TOKEN};")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/api/project").status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        HOST,
        f"{HOST}:81",
        f"127.0.0.1.evil.example:{PORT}",
        "",
        f"localhost:{PORT}@evil.example",
        f"[::1]:{PORT}x",
        f"192.168.0.9:{PORT}",
    ],
)
def test_another_name_of_the_server_is_refused_even_with_the_cookie(client, host):
    """A name of a page elsewhere that was made to point here (DNS rebinding)."""
    assert client.get("/api/project", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
@pytest.mark.parametrize("outside", [None, "192.0.2.7"])
def test_every_address_is_told_of_as_one_that_can_be_opened(monkeypatch, host, outside):
    monkeypatch.setattr(serving, "_own_address", lambda version: outside)
    assert serving.reached_at(host) == (outside or socket.gethostname())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.0.2.7", "some.host"])
def test_an_address_is_told_of_as_it_is(host):
    assert serving.reached_at(host) == host


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"[::1]:{PORT}", f"127.0.0.1:{PORT}"])
def test_names_of_this_computer_are_let_in(client, host):
    assert client.get("/api/project", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        f"https://{HOST}:{PORT}",
        f"http://{HOST}:{PORT + 1}",
        f"http://localhost:{PORT}",
        "",
    ],
)
def test_requests_of_other_pages_are_refused_even_with_the_cookie(client, origin):
    for method in ("GET", "PUT"):
        headers = WRITES | {"origin": origin}
        answer = client.request(method, "/api/images/0/points", json=BODY, headers=headers)
        assert answer.status_code == 403
    assert client.get("/api/images/0").json()["points"] == [None, None]


def test_what_a_form_or_an_image_of_another_page_can_send_writes_nothing(client):
    address = "/api/images/0/points"
    plain = {"x-warpmarks": "1", "content-type": "text/plain"}
    assert client.put(address, json=BODY).status_code == 403
    assert client.put(address, content=b"{}", headers=plain).status_code == 415
    cross = {"sec-fetch-site": "cross-site"}
    assert client.put(address, json=BODY, headers=WRITES | cross).status_code == 403
    assert client.get("/api/images/0/file", headers=cross).status_code == 403
    assert client.post("/api/undo", headers={"origin": ADDRESS}).status_code == 403
    assert client.get("/api/version").json()["version"] == 0


def test_every_answer_forbids_what_the_page_does_not_need(client, stranger):
    for answer in (client.get("/api/project"), stranger.get("/"), client.get("/nothing")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
        assert set(answer.json()) != set()


@pytest.mark.parametrize(
    "address",
    [
        "/../../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/assets/../server.py",
        "//etc/passwd",
        "/assets/%2e%2e/server.py",
        "/static/index.html",
        "/openapi.json",
        "/docs",
        "/api/nothing",
    ],
)
def test_no_address_leads_to_a_file(client, address):
    answer = client.get(address)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("index", ["-1", "12", "99999999999999999999", "..%2f0", "0.png", "0x1"])
def test_images_are_asked_for_by_number_only(client, index):
    for end in ("", "/file"):
        assert client.get(f"/api/images/{index}{end}").status_code in {400, 404}


def test_a_large_request_is_refused(client):
    body = {"base_version": 0, "points": [], "more": "x" * 2**20}
    assert client.put("/api/images/0/points", json=body, headers=WRITES).status_code == 413

    def pieces():
        for _ in range(40):
            yield b" " * 2**16

    headers = WRITES | {"content-type": "application/json"}
    answer = client.put("/api/images/0/points", content=pieces(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"base_version": 0}',
        b'{"base_version": 0, "points": [1]}',
        b'{"base_version": 0, "points": [{"x": NaN, "y": 1}, null]}',
        b'{"base_version": 0, "points": [{"x": 1e999, "y": 1}, null]}',
        b'{"base_version": 0, "points": [{"x": 1, "y": null}, null]}',
        b'{"base_version": 0, "points": [{"x": null, "y": null}, null]}',
        b'{"base_version": 0, "points": [{"x": 900, "y": 1}, null]}',
        b'{"base_version": 0, "points": [null]}',
        b'{"base_version": 0, "points": [], "a": 1}',
    ],
)
def test_what_is_no_point_is_refused_with_one_sentence(client, body):
    headers = WRITES | {"content-type": "application/json"}
    answer = client.put("/api/images/0/points", content=body, headers=headers)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert client.get("/api/images/0").json()["points"] == [None, None]


def test_images_that_lead_out_of_the_folder_are_not_shown(tmp_path, image_folder):
    folder, secret = tmp_path / "images", tmp_path / "secret.png"
    shutil.copytree(image_folder, folder)
    shutil.copy(image_folder / "00.png", secret)
    (folder / "link.png").symlink_to(secret)
    (folder / "way").symlink_to(tmp_path, target_is_directory=True)
    (folder / "inside.png").symlink_to("01.png")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "text.png").write_text("root:x:0:0")
    files = open_images(folder)
    assert {name for name, _ in files.left_out} >= {"link.png", "gone.png", "text.png"}
    assert not [name for name in files.names if "secret" in name or name.startswith("way/")]
    assert "inside.png" in files.names
    # A text list names its files: it is the user's word.
    (folder / "list.txt").write_text("link.png\n")
    assert open_images(folder / "list.txt").names == ("link.png",)


def test_photographs_that_are_not_read_are_told_of(tmp_path, image_folder, monkeypatch):
    folder = shutil.copytree(image_folder, tmp_path / "images")
    (folder / "a.heic").touch()
    told = []
    monkeypatch.setattr(SilentProgress, "message", lambda _, text: told.append(text))
    assert len(open_images(folder).names) == 12
    assert told == [
        f"{folder} also holds 1 .heic file, left out as unreadable: convert to JPEG what is to be "
        "used"
    ]


def test_an_image_that_is_swapped_for_a_link_afterwards_is_not_read(
    tmp_path, image_folder, tiny_run
):
    folder, secret = tmp_path / "images", tmp_path / "secret.png"
    shutil.copytree(image_folder, folder)
    Image.new("RGB", (36, 28), "red").save(secret)
    session = open_session(tiny_run, folder, tmp_path / "project")
    with browser(session, tiny_run) as client:
        (folder / "03.png").unlink()
        (folder / "03.png").symlink_to(secret)
        assert client.get("/api/images/3/file").status_code == 404
        assert "another place" in client.get("/api/images/3").json()["trouble"]
        assert client.get("/api/images/4/file").status_code == 200
    with pytest.raises(UnreadableImage):
        session.images.path(3)
    session.stop()


def test_pictures_are_made_anew_and_hold_nothing_but_pixels(tmp_path, tiny_run):
    folder = tmp_path / "images"
    folder.mkdir()
    image = Image.new("RGB", (40, 20), (200, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010E] = "a secret place"
    image.save(folder / "photo.jpg", exif=exif)
    with (folder / "photo.jpg").open("ab") as file:
        file.write(b"<script>alert(1)</script>")
    session = open_session(tiny_run, folder, tmp_path / "project")
    with browser(session, tiny_run) as client:
        for width in ("", "?width=16"):
            answer = client.get(f"/api/images/0/file{width}")
            assert answer.headers["content-type"] in {"image/png", "image/jpeg"}
            assert b"secret" not in answer.content
            assert b"script" not in answer.content
            (tmp_path / "got").write_bytes(answer.content)
            with Image.open(tmp_path / "got") as got:
                assert got.width < got.height
                assert not got.getexif()
        assert client.get("/api/images/0/file?width=0").status_code == 400
    session.stop()


def test_names_are_data(tmp_path, image_folder, tiny_run):
    folder = tmp_path / "images"
    (folder / "b").mkdir(parents=True)
    names = [
        "<script>alert(1)<!script>.png",
        "line\nbreak.png",
        "\U0001f41f.png",
        "n" * 250 + ".png",
    ]
    names += ["quo\"te'.png", "=1+1,2;.png", "%2e%2e.png"]
    for name in (*names, os.fsdecode(b"bytes\xff.png")):  # which no table can name
        shutil.copy(image_folder / "00.png", folder / "b" / name)
    points = f"<img src=x onerror=alert(1)>,{'é' * 300},\U0001f600 eye"
    session = open_session(tiny_run, folder, tmp_path / "project", points)
    with browser(session, tiny_run) as client:
        told = client.get("/api/project").json()
        shown = {image["name"] for image in told["images"]}
        assert shown == {f"b/{name}" for name in names}
        for image in told["images"]:
            assert put(client, image["id"], 0, (3, 4), (5, 6), (7, 8)).status_code == 200
        assert client.get("/api/shapes.csv").status_code == 200
        count = len(told["images"])
    session.stop()
    again = open_session(tiny_run, folder, tmp_path / "project", None)
    assert len(again.project.annotations.labels) == count
    assert again.scheme.names[1] == "é" * 300
    again.stop()


def test_the_secret_is_kept_by_the_project_and_from_others(tmp_path):
    path = tmp_path / "token"
    token = project_token(path)
    assert len(token) >= 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert project_token(path) == token
    path.chmod(0o644)  # others may have read it
    assert project_token(path) != token
    path.write_text("short")
    path.chmod(0o600)
    assert len(project_token(path)) >= 40
    with pytest.raises(InputError, match="cannot be written"):
        project_token(tmp_path / "nowhere" / "token")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.0.3", False),
        ("example.org", False),
    ],
)
def test_what_loopback_is(host, loopback):
    assert is_loopback(host) is loopback


def test_told_to_listen_everywhere_it_still_knows_its_names_only():
    async def app(scope, receive, send):
        raise AssertionError

    guard = Guard(app, token=TOKEN, host="0.0.0.0", port=PORT)
    assert guard._knows(f"192.168.0.3:{PORT}")
    assert not guard._knows(f"evil.example:{PORT}")


def test_a_project_of_other_images_is_refused(tmp_path, image_folder, tiny_run):
    session = open_session(tiny_run, image_folder, tmp_path / "project")
    with browser(session, tiny_run) as client:
        put(client, 0, 0, (3, 4), (5, 6))
    session.stop()
    other = tmp_path / "others"
    other.mkdir()
    shutil.copy(image_folder / "00.png", other / "else.png")
    opened = open_session(tiny_run, other, tmp_path / "project", None)
    with pytest.raises(InputError, match=r"points on 00\.png and others, none of which is in"):
        opened.check_labelled_images("others")
    opened.stop()
    shutil.copy(image_folder / "00.png", other / "00.png")
    opened = open_session(tiny_run, other, tmp_path / "project", None)
    opened.check_labelled_images("others")
    assert not opened.project.notices
    opened.stop()
