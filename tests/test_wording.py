from warpmarks.wording import be, counted, do


def test_one_thing_and_several():
    assert [counted(number, "image") for number in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert counted(12_345, "annotated image") == "12,345 annotated images"
    assert [be(number) for number in (0, 1, 2)] == ["are", "is", "are"]
    assert [do(number, "follow") for number in (1, 2)] == ["follows", "follow"]
