from pathlib import Path

import pytest

from warpmarks.annotator.new_scheme import guess_mirror, guess_normaliser, starting_scheme
from warpmarks.errors import InputError


@pytest.mark.parametrize(
    ("text", "mirror", "normaliser"),
    [
        ("nose,left eye,right eye", ((1, 2),), (1, 2)),
        ("left ear,right ear,Left Eye,right eye", ((0, 1), (2, 3)), (2, 3)),
        ("right wing,tail,left wing,leg_L,leg_r", ((0, 2), (3, 4)), (0, 2)),
        ("left eyelid,right eyelid,l eye,r eye", ((0, 1), (2, 3)), (2, 3)),
        ("snout,tail,left fin", (), None),
        ("lip,rip,tail", (), None),
    ],
)
def test_pairs_and_the_normaliser_are_guessed_from_names(text, mirror, normaliser):
    scheme = starting_scheme(text)
    assert (scheme.mirror, scheme.normaliser) == (mirror, normaliser)


def test_no_point_is_in_two_pairs():
    names = ["left eye", "right eye", "left left eye", "right left eye", "l", "r"]
    mirror = guess_mirror(names)
    assert mirror == ((0, 1), (2, 3), (4, 5))
    assert guess_normaliser(names, mirror) == (0, 1)


def test_a_file_that_tells_the_pairs_is_taken_at_its_word(tmp_path: Path):
    path = tmp_path / "points.json"
    path.write_text('{"names": ["left eye", "right eye", "nose"], "normaliser": "2:3"}')
    scheme = starting_scheme(str(path))
    assert (scheme.mirror, scheme.normaliser) == ((), (1, 2))


def test_a_file_may_tell_the_colours(tmp_path: Path):
    path = tmp_path / "points.json"
    path.write_text('{"names": ["a", "b"], "colours": ["#123456", "#ABCDEF"]}')
    assert starting_scheme(str(path)).colours == ("#123456", "#abcdef")
    for wrong in ('["#123456"]', '["#123456", "red"]', '["#123456", 3]', '"#123456"'):
        path.write_text(f'{{"names": ["a", "b"], "colours": {wrong}}}')
        with pytest.raises(InputError, match=r"points\.json: colours is .* expected one for each"):
            starting_scheme(str(path))


def test_names_are_read_from_a_text(tmp_path: Path):
    path = tmp_path / "names.txt"
    path.write_text("\ufeffleft eye\r\nright eye, nose\n\n", encoding="utf-8")
    scheme = starting_scheme(str(path))
    assert scheme.names == ("left eye", "right eye", "nose")
    assert scheme.normaliser == (0, 1)
    path.unlink()
    with pytest.raises(InputError, match=r"names\.txt cannot be read as a list of names"):
        starting_scheme(str(path))
