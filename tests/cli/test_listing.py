import os

from warpmarks.cli.listing import left_out


def test_names_that_are_no_text_can_be_printed():
    lines = left_out([(os.fsdecode(b"bad\xff.jpg"), "truncated")])
    assert lines == [
        "1 image could not be read and was left out:",
        "  bad\N{REPLACEMENT CHARACTER}.jpg: truncated",
    ]
