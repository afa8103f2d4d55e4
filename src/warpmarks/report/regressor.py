"""The regressors of a run in its report: a section for each."""

from pathlib import Path

from warpmarks.errors import InputError
from warpmarks.evaluation.regressor_picture import NAME
from warpmarks.regression.standing_out import told_of_standing_out
from warpmarks.regression.storage import FOLDER, RECORD, RegressorRecord, read_record
from warpmarks.report.content import Picture, Section
from warpmarks.wording import counted


def regressor_sections(run: Path, detector: str) -> tuple[Section, ...]:
    """A section for each regressor that lies in the run folder, by name.

    Those of another detector are left out, and so are those that are damaged or have no picture.
    """
    found = (_read(path.parent, detector) for path in sorted((run / FOLDER).glob(f"*/{RECORD}")))
    return tuple(section for section in found if section is not None)


def _read(folder: Path, detector: str) -> Section | None:
    try:
        record = read_record(folder)
    except InputError:
        return None
    section = _section(folder, record)
    return section if record.detector == detector and section.has_pictures() else None


def _section(folder: Path, record: RegressorRecord) -> Section:
    return Section(
        f"Regressor {folder.name}",
        f"{counted(len(record.names), 'point')} from {counted(record.num_landmarks, 'landmark')} "
        f"by a linear map, fitted on {counted(record.fitted_on, 'annotated image')} "
        f"({record.method}).{_promise(record)}{_standing_out(record)}",
        (
            Picture(
                "Which landmark decides where a point is",
                "Numbered dots are the discovered landmarks, green rings and names the points that "
                "people annotated, on the average of the labelled images. An arrow is as thick as "
                "the landmark's share in the point; shares under a fifth are left out. A point "
                "with thin lines in the place of arrows is decided by many landmarks together, of "
                "which these are the three first.",
                folder / NAME,
                alt="Arrows, or thin lines, from coloured landmarks to annotated points on an "
                "average image.",
            ),
        ),
        narrow=True,
    )


def _promise(record: RegressorRecord) -> str:
    try:
        told = record.about["promise"]["leave_one_out"]
        percent, plain = told["error_percent"], told["mean_shape_percent"]
        words = record.about["normaliser_words"]
        if percent is None or plain is None:
            return ""
        return (
            f" Each image predicted by a fit on the others: mean error {percent:.2f} % of {words} "
            f"(mean shape {plain:.2f} %)."
        )
    except (KeyError, TypeError, ValueError):
        return ""


def _standing_out(record: RegressorRecord) -> str:
    try:
        told = told_of_standing_out(record.about["standing_out"], all_in=RECORD)
        return "".join(f" {sentence}" for sentence in told)
    except (KeyError, TypeError):
        return ""
