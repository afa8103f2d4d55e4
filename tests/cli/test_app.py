import re

import pytest

import warpmarks as package

VERBS = [
    "train",
    "detect",
    "show",
    "annotate",
    "convert",
    "demo",
    "reproduce",
    "benchmark",
    "system",
    "datasets",
]


def test_help_names_every_verb(warpmarks):
    code, out, _ = warpmarks("--help")
    assert code == 0
    for verb in VERBS:
        assert re.search(rf"\b{verb} ", out)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(warpmarks, verb):
    code, out, _ = warpmarks(verb, "-h")
    assert (code, f"warpmarks {verb}" in out) == (0, True)


def test_no_verb_shows_the_help_and_an_unknown_one_is_an_error(warpmarks):
    assert warpmarks()[0] == 2
    code, _, err = warpmarks("trian")
    assert (code, "train" in err) == (2, True)


def test_version(warpmarks):
    assert warpmarks("--version") == (0, f"warpmarks {package.__version__}\n", "")


def test_system_prints_what_a_bug_report_needs(warpmarks, tmp_path, monkeypatch):
    monkeypatch.setenv("WARPMARKS_CACHE", str(tmp_path))
    (tmp_path / "pictures").write_bytes(bytes(3 * 2**20))
    code, out, _ = warpmarks("system")
    assert code == 0
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert facts["warpmarks"] == package.__version__
    assert {"torch", "numpy", "pillow", "lightning-fabric", "python", "platform"} <= set(facts)
    assert {"processor", "cores", "torch threads", "memory"} <= set(facts)
    assert facts["cache"] == f"{tmp_path} (3 MiB)"
