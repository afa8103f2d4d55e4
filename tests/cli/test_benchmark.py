from warpmarks.benchmark import STAGES, BenchmarkResult, StepTiming
from warpmarks.cli.benchmark import table


def test_the_table_names_every_figure_with_its_unit():
    shares = (0.0612, 0.30, 0.05, 0.55, 0.0388)
    result = BenchmarkResult(
        machine="Some CPU",
        device="cpu",
        threads=2,
        load_before=0.25,
        num_landmarks=7,
        batch_size=16,
        product_gflops=212.4,
        convolution_gflops=487.2,
        training=(StepTiming(80, 26.34, shares, 187.1, 0.384),),
        detection_images_per_second=143.2,
        detection_size=80,
        network_images_per_second=191.7,
    )
    shown = table(result)
    for part in (
        "Some CPU, cpu, 2 threads",
        "212 GFLOP/s",
        "487 GFLOP/s",
        "K = 7",
        *STAGES,
        "26.3",
        "6.1",
        "187",
        "38 %",
        "143 images/s from files",
        "192 images/s in the network",
    ):
        assert part in shown
    header, row = shown.splitlines()[5:7]
    assert row.index("26.3") + 4 == header.index("pairs/s") + len("pairs/s")


def test_unusable_flags(warpmarks):
    code, _, err = warpmarks("benchmark", "--recipe", "defalt", "--seconds", 0.01)
    assert (code, "recipe defalt" in err) == (2, True)
