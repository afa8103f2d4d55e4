"""Small copies of published sets, file by file as they lie on disks, with points that can be seen.

The first three points of an image are blobs in its red, green and blue channel, so that where they
went can be measured in the pixels of whatever is made of the image.
"""

from pathlib import Path

import numpy as np
from PIL import Image

FIVE = np.array([[0.355, 0.339], [0.645, 0.334], [0.497, 0.516], [0.375, 0.647], [0.62, 0.645]])
HEAD = np.array(
    [[38, 60], [62, 64], [49, 78], [22, 48], [15, 12], [40, 30], [58, 30], [86, 16], [78, 52]]
)


def picture(points: np.ndarray, width: int, height: int) -> Image.Image:
    """Black, with a blob for each of the first three points (in pixels, centres at integers)."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8) for px, py in points[:3]]
    return Image.fromarray((255 * np.stack(channels, axis=-1)).round().astype(np.uint8))


def seen(image: Image.Image) -> np.ndarray:
    """Where the blobs of an image are: (3, 2), in its pixels."""
    pixels = np.asarray(image.convert("RGB")).astype(float)
    y, x = np.mgrid[0 : image.height, 0 : image.width]
    weights = np.clip(pixels - 40, 0, None)
    total = weights.sum(axis=(0, 1))
    sums = [(weights * axis[..., None]).sum(axis=(0, 1)) for axis in (x, y)]
    return np.stack(sums, axis=1) / total[:, None]


def load(path: Path | str) -> Image.Image:
    """An image as its pixels are stored, its file closed again."""
    with Image.open(path) as image:
        return image.copy()


def save(image: Image.Image, path: Path) -> None:
    """Save an image, its folder too, with as little loss as its format can."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=95, subsampling=0) if "jp" in path.suffix.lower() else image.save(path)


def write_lines(path: Path, lines: list[str], end: str = "\n") -> None:
    """Write a text file, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in lines).encode())


def celeba(root: Path, count: int = 10, *, end: str = "\n") -> dict[str, np.ndarray]:
    """CelebA as it unpacks from the official folders, with MAFL's lists: 6 train, 2 val, 2 test."""
    generator = np.random.default_rng(1)
    points = {}
    for number in range(1, count + 1):
        face = np.array([[69, 111], [107, 112], [88, 135], [71, 152], [105, 151]])
        points[f"{number:06}.jpg"] = face + generator.integers(-8, 9, face.shape)
    for name, marked in points.items():
        save(picture(marked, 178, 218), root / "Img" / "img_align_celeba" / name)
    columns = [f"{point}_{axis}" for point in FIVE_COLUMNS for axis in "xy"]
    rows = [f"{name} " + "  ".join(map(str, marked.ravel())) for name, marked in points.items()]
    write_lines(
        root / "Anno" / "list_landmarks_align_celeba.txt",
        [str(count), " ".join(columns), *rows],
        end,
    )
    partitions = [0 if index < count - 4 else 1 + (index >= count - 2) for index in range(count)]
    write_lines(
        root / "Eval" / "list_eval_partition.txt",
        [f"{name} {part}" for name, part in zip(points, partitions, strict=True)],
        end,
    )
    write_lines(root / "MAFL" / "training.txt", ["000001.jpg", "000002.jpg", "000007.jpg"], end)
    write_lines(root / "MAFL" / "testing.txt", ["000003.jpg", "000010.jpg"], end)
    return points


FIVE_COLUMNS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")


def pts_lines(points: np.ndarray) -> list[str]:
    """A .pts file of points that are counted from 0: the file counts from 1."""
    return [
        "version: 1",
        f"n_points:  {len(points)}",
        "{",
        *(f"{x:.6f} {y:.6f}" for x, y in points + 1),
        "}",
    ]


def sixty_eight(generator: np.random.Generator, left: float, top: float, side: float) -> np.ndarray:
    """68 points in a box; the three that are seen are the nearest to its middle."""
    points = generator.uniform(0, 1, (68, 2))
    points[:3] = [[0.3, 0.35], [0.7, 0.3], [0.5, 0.6]]
    points[3:7] = [[0, 0.5], [1, 0.5], [0.5, 0], [0.5, 1.1]]
    return points * side + [left, top]


def three_hundred_w(root: Path) -> dict[str, np.ndarray]:
    """300-W as its archives unpack side by side; image_0001 is in two parts."""
    generator = np.random.default_rng(2)
    images = {
        "afw/134212_1.jpg": (300, 260, 90, 60, 100),
        "helen/trainset/100032540_1.jpg": (700, 900, 180, 250, 330),
        "lfpw/trainset/image_0001.png": (160, 200, 40, 50, 70),
        "helen/testset/296814969_3.jpg": (240, 210, 5, 8, 120),  # its crop reaches beyond it
        "lfpw/testset/image_0001.png": (170, 190, 30, 40, 80),
        "ibug/image_092 _01.jpg": (300, 200, 150, 20, 140),
    }
    points = {}
    for name, (width, height, left, top, side) in images.items():
        points[name] = sixty_eight(generator, left, top, side)
        save(picture(points[name], width, height), root / name)
        write_lines((root / name).with_suffix(".pts"), pts_lines(points[name]))
    return points


def mtfl(root: Path, *, attributes: str = " 1 2 2 3") -> dict[str, np.ndarray]:
    """MTFL.zip: photographs for training, crops of 150 x 150 for testing; backslashes."""
    generator = np.random.default_rng(3)
    sizes = {
        "lfw_5590/Aaron_Eckhart_0001.jpg": (250, 250, 90),
        "net_7876/_-60_6059_0.jpg": (180, 240, 110),
        "AFLW/0001-image20056.jpg": (150, 150, 150),
        "AFLW/0002-image15367.jpg": (150, 150, 150),
    }
    points: dict[str, np.ndarray] = {}
    lines: dict[str, list[str]] = {"training.txt": [], "testing.txt": []}
    for name, (width, height, side) in sizes.items():
        corner = np.array([width - side, height - side]) / 2 + generator.uniform(-6, 6, 2)
        points[name] = (FIVE * side + corner).round(3)
        save(picture(points[name], width, height), root / name)
        counted_from_one = points[name] + 1
        cells = " ".join(f"{value:.6f}" for value in counted_from_one.T.ravel())
        listed = name.replace("/", "\\")
        table = "testing.txt" if name.startswith("AFLW") else "training.txt"
        lines[table].append(f" {listed} {cells}{attributes}")
    for table, content in lines.items():
        write_lines(root / table, [*content, " "], "\r\n")
    return points


def aflw(root: Path) -> dict[str, np.ndarray]:
    """The paper's training faces beside MTFL's test faces; one row belongs to another part."""
    points = {
        name: marked for name, marked in mtfl(root / "MTFL").items() if name.startswith("AFLW")
    }
    home = root / "aflw_cropped"
    rows = ["face_id,image_file,set,crop_file,x1,y1,x2,y2,x3,y3,x4,y4,x5,y5"]
    generator = np.random.default_rng(4)
    for number, part in ((50749, 1), (59070, 1), (56143, 2)):
        marked = (FIVE * 150 + generator.uniform(-5, 5, 2)).round(3)
        name = f"cropped/{number}.jpg"
        save(picture(marked, 150, 150), home / name)
        cells = ",".join(f"{value:.3f}" for value in (marked + 1).ravel())
        rows.append(f"{number},image{number}.jpg,{part},{name},{cells}")
        if part == 1:
            points[name] = marked
    write_lines(home / "facedata_cropped.csv", rows)
    return points


def cats(root: Path, count: int = 14) -> dict[str, np.ndarray]:
    """The cat heads, two a folder, with the two faults of the published copy."""
    generator = np.random.default_rng(5)
    points = {}
    for index in range(count):
        name = f"CAT_{index // 2:02}/{index:08}_000.jpg"
        scale, shift = generator.uniform(1, 1.6), generator.uniform(20, 80, 2)
        points[name] = (HEAD * scale + shift).round()
        save(picture(points[name], 330, 260), root / name)
        numbers = " ".join(f"{value:.0f}" for value in points[name].ravel())
        write_lines(root / f"{name}.cat", [f"9 {numbers} "], "")
    write_lines(root / "CAT_00" / "00000003_019.jpg.cat", ["9 " + "1 " * 18], "")
    save(picture(HEAD, 100, 90), root / "CAT_00" / "00000003_015.jpg")
    return points


def zappos(root: Path, each: int = 30) -> list[str]:
    """Shoes in folders of kinds and brands, one of which ends in a full stop."""
    names = []
    for category, kind in (
        ("Boots", "Ankle"),
        ("Sandals", "Flat"),
        ("Shoes", "Loafers"),
        ("Slippers", "Slipper Flats"),
    ):
        for index in range(each):
            brand = "Keds Inc." if index % 2 else "Apepazza"
            names.append(f"{category}/{kind}/{brand}/7{index:06}.{index}.jpg")
            save(picture(HEAD, 136, 102), root / "ut-zap50k-images" / names[-1])
    return names
