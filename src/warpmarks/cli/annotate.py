"""``warpmarks annotate``: label a few images in the browser, get the points of all."""

import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.options import Device, DeviceChoice, Images, Run, Split, Threads
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.annotator.beginning import Beginning
    from warpmarks.annotator.project_images import ProjectImages


def annotate(
    run: Run,
    images: Images,
    points: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            show_default="named on the page",
            help='Names of the points of a new project, e.g. "left eye,right eye,nose"; or a '
            "points.json, or a .txt of names.",
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="TABLE",
            show_default=False,
            help="Begin the new project with the points of a file or folder in any format of "
            "`warpmarks convert`. It is read, never changed.",
        ),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default="NAME-points in this folder",
            help="Folder that keeps the points; a project that is there is gone on with.",
        ),
    ] = None,
    split: Split = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            show_default="8417, or a free one",
            help="Port of the page's address.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where to listen. Another than the loopback address lets other computers see the "
            "images, unencrypted, if they know the token.",
        ),
    ] = "127.0.0.1",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    device: DeviceChoice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """Label points on a few images on a page in the browser, and get them on all images.

    Everything is saved after each click. Ctrl-C stops the server; the same
    command, without --from, goes on.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        from warpmarks.errors import InputError

        raise InputError(
            f"the annotator needs {error.name}: install it with pip install 'warpmarks[serve]'"
        ) from error

    from warpmarks.annotator.guard import is_loopback
    from warpmarks.annotator.new_scheme import starting_scheme
    from warpmarks.annotator.project_images import open_images
    from warpmarks.annotator.serving import listen, serve
    from warpmarks.annotator.session import Session
    from warpmarks.annotator.store import Project
    from warpmarks.cli.devices import prepare
    from warpmarks.cli.listing import left_out
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.datasets.project import home_of_images
    from warpmarks.detectors.detector import Detector

    images = home_of_images(images)  # where a project is given
    detector = Detector.load(run, device=prepare(device, threads))
    scheme = starting_scheme(points) if points is not None else None
    with terminal_progress() as progress:
        shown_images = open_images(images, split=split, progress=progress)

    def tell(unreadable: Sequence[tuple[str, str]]) -> None:
        for line in left_out(unreadable):
            print(line, file=sys.stderr, flush=True)

    tell(shown_images.left_out)
    folder = project or Path(f"{shown_images.title}-points")
    begin = begin_project(table, folder, shown_images, points) if table is not None else None
    if begin is not None:
        scheme = begin.scheme

    def ready(address: str) -> None:
        print(
            f"{folder}: {counted(len(shown_images), 'image')}, saved after every click",
            file=sys.stderr,
        )
        if not is_loopback(host):
            print(
                f"caution: other computers can reach {host}; whoever has this address can see the "
                "images and change the points, and nothing is encrypted",
                file=sys.stderr,
            )
        print(address, flush=True)
        if browser:
            import webbrowser

            webbrowser.open(address)

    with (
        closing(listen(host, port)) as listening,
        closing(Project(folder, images, scheme, begin.labels if begin else None)) as opened,
    ):
        opened.notices.extend(begin.notices if begin else ())
        opened.refuse_other_points(scheme, flag="--points")
        session = Session(opened, shown_images, detector)
        session.locations.tell = lambda sentence: print(sentence, file=sys.stderr)
        session.check_labelled_images(str(images))
        for notice in opened.notices:
            print(notice, file=sys.stderr)
        with suppress(KeyboardInterrupt):  # the usual way to stop
            serve(session, run, listening, host, ready, tell)
    print(f"{folder}: saved", file=sys.stderr)


def begin_project(
    table: Path, folder: Path, images: "ProjectImages", points: str | None
) -> "Beginning":
    """What a new project begins with.

    Raises:
        InputError: there is a project already, or the table is wrong or of other images.
    """
    from dataclasses import replace

    from warpmarks.annotator.beginning import begin_from
    from warpmarks.cli.convert import told_of_far_points, turned_photographs
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.datasets.project import is_project
    from warpmarks.errors import InputError
    from warpmarks.formats.recognition import recognise

    if is_project(folder):
        raise InputError(
            f"--from begins a new project, but {folder} is one already: leave --from away to go on "
            "with it, or choose another --project"
        )
    with terminal_progress() as progress:
        begin = begin_from(table, images, progress, points=points)
        far = told_of_far_points(begin.table, begin.files)
    if far:
        raise InputError(f"{table}: {far}: correct them")
    ours = recognise(table, flag="--from") == "warpmarks"
    turned = turned_photographs(
        begin.table,
        begin.files,
        as_stored=False,
        ours=ours,
        otherwise=f"if {table.name} counts on the stored one, begin with what `warpmarks convert "
        f"{table.name} SET --to warpmarks --images IMAGES --as-stored` writes",
    )
    return replace(begin, notices=(*begin.notices, turned)) if turned else begin
