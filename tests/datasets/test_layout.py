import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from warpmarks.datasets.layout import read_landmarks, read_split, write_landmarks
from warpmarks.errors import InputError

NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).filter(
        lambda name: name.strip()
    ),
    min_size=1,
    max_size=4,
    unique=True,
)


@settings(max_examples=30)
@given(NAMES, st.data())
def test_what_is_written_is_read_again(tmp_path_factory, names, data):
    path = tmp_path_factory.mktemp("layout") / "landmarks.csv"
    points = data.draw(arrays(float, (len(names), 3, 2), elements=st.floats(-9999, 9999)))
    missing = data.draw(arrays(bool, (len(names), 3)))
    points[missing] = np.nan
    scores = data.draw(st.none() | arrays(float, (len(names), 3), elements=st.floats(0, 1)))
    write_landmarks(path, names, points, scores)
    table = read_landmarks(path)
    assert table.images == tuple(names)
    np.testing.assert_allclose(table.points, points, atol=5.001e-4)


def test_the_file_as_it_is_documented(tmp_path):
    path = tmp_path / "landmarks.csv"
    points = np.array([[[1.25, 2], [np.nan, np.nan]], [[3.14159, -0.5], [100, 7]]])
    scores = np.array([[0.5, 0.25], [1, 0]])
    write_landmarks(path, ["a,b.jpg", "folder/c.png"], points, scores)
    assert path.read_text() == (
        "image,x1,y1,x2,y2,score1,score2\n"
        '"a,b.jpg",1.250,2.000,,,0.500,0.250\n'
        "folder/c.png,3.142,-0.500,100.000,7.000,1.000,0.000\n"
    )
    write_landmarks(path, ["c.png"], points[1:])
    assert path.read_text() == "image,x1,y1,x2,y2\nc.png,3.142,-0.500,100.000,7.000\n"


def test_names_with_quotes_lines_and_odd_bytes_survive(tmp_path):
    names = ['say "cat".jpg', "two\nlines.jpg", "caf\udce9.jpg", "Icon\r.jpg"]
    write_landmarks(tmp_path / "a.csv", names, np.zeros((4, 1, 2)))
    assert read_landmarks(tmp_path / "a.csv").images == tuple(names)
    with (tmp_path / "a.csv").open("rb") as file:
        assert b"caf\xe9.jpg" in file.read()


def test_a_table_from_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "landmarks.csv"
    path.write_bytes(b"\xef\xbb\xbfimage, x1, y1\r\na.jpg, 1 , 2.5\r\n,,\r\n\r\nb.jpg,,\r\n")
    table = read_landmarks(path)
    assert table.images == ("a.jpg", "b.jpg")
    np.testing.assert_array_equal(table.points, [[[1, 2.5]], [[np.nan, np.nan]]])


def test_empty_columns_at_the_end_are_no_columns(tmp_path):
    (tmp_path / "a.csv").write_text("image,x1,y1,,\na.jpg,1,2.5\nb.jpg,,, ,\n")
    table = read_landmarks(tmp_path / "a.csv")
    np.testing.assert_array_equal(table.points, [[[1, 2.5]], [[np.nan, np.nan]]])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_is_named(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes("image\tx1\ty1\na.jpg\t1\t2\n".encode(encoding))
    with pytest.raises(InputError, match=r"a.csv is UTF-16: save it as UTF-8"):
        read_landmarks(path)


def test_a_table_without_rows_has_points_of_no_image(tmp_path):
    (tmp_path / "a.csv").write_text("image,x1,y1,x2,y2\n")
    assert read_landmarks(tmp_path / "a.csv").points.shape == (0, 2, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: expected a table image,x1,y1,"),
        ("\n\n", "is empty"),
        ("image,x1,y1\na.jpg,1\n", "line 2: 2 columns, where the header has 3"),
        ("image,x1,y1\na.jpg,1,2\nb.jpg,1,2,3\n", "line 3: 4 columns, where the header has 3"),
        ("image,x1,y1\na.jpg,1,two\n", "line 2: 'two' in column y1 is not a number"),
        ("image,x1,y1\na.jpg,none,none\n", "line 2: 'none' in column x1 is not a number"),
        ("image,x1,y1\na.jpg,inf,inf\n", "line 2: 'inf' in column x1 is not a number"),
        ("image,x1,y1\na.jpg,NA,2\n", "line 2: only one of x1 and y1 is filled"),
        ('"","image","x1","y1"\n"1","a.jpg",1,2\n', "before image, as R .* row.names = FALSE"),
        ("image,observer,x1,y1\na.jpg,Ana,1,2\n", "has the column 'observer'.*: take it out"),
        ("image,x1,y1,age,sex\na.jpg,1,2,3,4\n", "has the column 'age'.*: take it out"),
        (" ,Label,X,Y\n1,a.jpg,1,2\n", r"has a line for each point: .*\(ImageJ has one for each"),
        ("image,x1,y1\na.jpg,1,1e999\n", "line 2: '1e999' in column y1 is not a number"),
        ("image,x1,y1\na.jpg,1_0,1\n", "line 2: '1_0' in column x1"),
        (
            "image,x1,y1\na.jpg,1,2\nb.jpg,1,2\na.jpg,3,4\n",
            "line 4: a.jpg is there already, in line 2",
        ),
        ("image,x1,y1,x2\na.jpg,1,2,3\n", "3 columns of coordinates, an odd number"),
        ("image,x1,y1,x2,y2\na.jpg,1,2,3,\n", "line 2: only one of x2 and y2 is filled"),
        ("image,x1,y1\n,1,2\n", "line 2: the name of the image is missing"),
        ("file,x1,y1\na.jpg,1,2\n", "has the column file in place of image"),
        ("image,y1,x1\na.jpg,1,2\n", "has the column y1 in place of x1"),
        (" \na.jpg\n", "has the column  in place of image"),
        ("image\na.jpg\n", "has the column image alone and none of points"),
        ("image;x1;y1\na.jpg;1,5;2,5\n", "csv is separated by semicolons: expected commas"),
        ("image\tx1\ty1\na.jpg\t1\t2\n", "csv is separated by tabs: expected commas"),
        ("image,x1,y1\na.jpg,1,5,2,5\n", "line 2: 5 columns.* write decimals with a point"),
        ("image,x1,y1,\na.jpg,1,2,3\n", "line 2: 4 columns, where the header has 3"),
        ("image,x1,y1,\na.jpg,1,2,,\n", "line 2: 5 columns, where the header has 3"),
        ("image,x1,y1,score1,score2\na,1,2,3,4\n", "column score2 in place of nothing"),
        ('image,x1,y1\n"a.jpg,1,2\n', "is not a table of comma-separated values"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path, content, message):
    path = tmp_path / "landmarks.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_landmarks(path)
    assert str(path) in str(caught.value)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none.csv cannot be read .No such file"):
        read_landmarks(tmp_path / "none.csv")


def test_lines_are_those_of_an_editor(tmp_path):
    (tmp_path / "a.csv").write_text('image,x1,y1\n"two\nlines",1,2\nb.jpg,1,x\n')
    with pytest.raises(InputError, match="line 4: 'x'"):
        read_landmarks(tmp_path / "a.csv")


def test_nothing_is_left_where_nothing_can_be_written(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_landmarks(tmp_path / "none" / "a.csv", ["a"], np.zeros((1, 1, 2)))
    (tmp_path / "a.csv").write_text("kept")
    with pytest.raises(ValueError, match="shorter"):
        write_landmarks(tmp_path / "a.csv", ["a", "b"], np.zeros((1, 1, 2)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "kept"


def test_splits_are_read(tmp_path):
    (tmp_path / "split.csv").write_text('image,split\na.jpg,train\n"b,c/d.jpg",val\n')
    assert read_split(tmp_path / "split.csv") == {"a.jpg": "train", "b,c/d.jpg": "val"}


def test_blanks_around_splits_and_after_names_are_no_part_of_them(tmp_path):
    (tmp_path / "split.csv").write_text("image,split\na.jpg,train \nb.jpg , train\n")
    assert read_split(tmp_path / "split.csv") == {"a.jpg": "train", "b.jpg": "train"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: expected a table image,split"),
        ("image;split\na.jpg;train\n", "is separated by semicolons: expected commas"),
        ("image,split\na.jpg, \n", "line 2: a.jpg has no split"),
        ("image,split\na.jpg,val\na.jpg ,val\n", "line 3: a.jpg is there already, but for blanks"),
        ("a.jpg,train\n", "has the columns a.jpg,train: expected image,split"),
        ("image,split\na.jpg\n", "line 2: 1 column, where the header has 2"),
        ("image,split\na.jpg,\n", "line 2: a.jpg has no split"),
        ("image,split\na.jpg,val\na.jpg,train\n", "line 3: a.jpg is there already, in line 2"),
    ],
)
def test_a_wrong_split_is_refused(tmp_path, content, message):
    (tmp_path / "split.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read_split(tmp_path / "split.csv")


def test_what_r_and_pandas_write_for_a_missing_point_is_one(tmp_path):
    lines = ["image,x1,y1,x2,y2", "a.jpg,NA,NA,3,4", "b.jpg,NaN,nan,5,6", "c.jpg,,,7,8"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    points = read_landmarks(tmp_path / "a.csv").points
    assert np.isnan(points[:, 0]).all()
    assert points[:, 1].tolist() == [[3, 4], [5, 6], [7, 8]]
