"""The page of a report: whole, escaped, of bounded size, with the numbers of the run. See test_report_measures too."""
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from report_results import example, poisson

from snn import report
from snn.errors import DataError, MissingFile, OutputError, RunError
from snn.report import style
from snn.report.chart import Axis, esc, number, round_values
from snn.report.page import page
from snn.report.spikes import measure
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace, Weights


class Structure(HTMLParser):
    """Tags in order, identifiers, links, and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.labels, self.words = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        self.labels += [attrs.get("aria-label")] if attrs.get("role") == "img" else []
        assert not [a for a in attrs if a.startswith("on")], attrs
        assert not attrs.get("src") and not str(attrs.get("href", "#")).startswith(("http", "//", "javascript"))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "run.html"
    assert report.write(example(), path) == path
    return path.read_text()


def test_page_is_whole_and_needs_nothing_else(text):
    structure = Structure(text)
    words = " ".join(" ".join(structure.words).split())
    for word in ("two & more", "complete", "1.25 s per s", "exc_inh", "1 to 2 ms", "Plan('two & more')"):
        assert word in words, word
    for part in ("network", "activity", "statistics", "phases", "traces", "weights", "run"):
        assert part in structure.ids and f"#{part}" in structure.links
    assert not {"script", "iframe", "object", "embed", "img", "form"} & set(structure.tags)
    assert "default-src 'none'" in text and "url(" not in text and "@import" not in text
    assert all(structure.labels) and len(structure.labels) > 12
    levels = [int(tag[1]) for tag in structure.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False)), levels
    assert len(text) < 500_000


def test_page_shows_the_numbers_of_the_run(text):
    words = " ".join(Structure(text).words)
    exc = example().spikes["exc"]
    assert number(len(exc)) in words and number(exc.mean_rate) in words and number(np.nanmean(exc.cv())) in words


def test_report_is_the_same_every_time(text, tmp_path):
    again = report.write(example(), tmp_path / "again.html").read_text()
    assert again == text


EVIL = "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202e\x00"


def test_nothing_from_a_file_becomes_markup(tmp_path):
    spikes = {EVIL: poisson(20, 30.0, 100.0)}
    trace = Trace([1.0, 2.0], [0], [[1.0], [2.0]], EVIL, EVIL, EVIL)
    weights = Weights(EVIL, [0], [0], [1.0], [[1.0]], EVIL)
    meta = {"network": {"name": EVIL, "populations": {EVIL: {"model": EVIL}, "b": EVIL, "c": {"n": 10 ** 400}},
                        "projections": {EVIL: {"pre": EVIL, "post": EVIL, "port": EVIL, "synapses": True, "delay": EVIL,
                                               "graded": {EVIL: EVIL}, "plasticity": {"rules": [{EVIL: EVIL}, EVIL]}}}},
            "dt": EVIL, "seed": 10 ** 400, "plan": EVIL, "versions": {EVIL: EVIL},
            "wall_s": {EVIL: 1.0, "run": float("nan")}, "record": [{"kind": EVIL, "ids": EVIL}, EVIL], "engine": EVIL,
            EVIL: EVIL, "duration": [1], "complete": EVIL}
    result = Result(spikes, {(EVIL, EVIL): trace, (EVIL, "theta"): trace}, {EVIL: weights}, meta=meta)
    found = Structure(report.write(result, tmp_path / "evil.html", source=EVIL).read_text())
    assert not {"script", "img"} & set(found.tags) and found.tags.count("style") == 1
    assert any("<script>alert(1)" in word for word in found.words)


CASES = {
    "nothing": Result({}, {}, {}),
    "silent": Result({"a": Spikes([], [], 5, 100.0)}, {}, {}, meta={"dt": 0.1, "complete": False}),
    "empty population": Result({"a": Spikes([], [], 0, 100.0), "b": poisson(3, 50.0, 100.0)}, {}, {}),
    "no duration": Result({"a": Spikes([], [], 5, 0.0)}, {}, {}),
    "one neuron": Result({"a": Spikes([1.0, 2.5, 4.0], [0, 0, 0], 1, 5.0)}, {}, {}, meta={"interrupted": True}),
    "one spike": Result({"a": Spikes([1.0], [1], 4, 2.0, 1.0)}, {}, {}),
    "traces": Result({}, {("a", "v"): Trace([1.0, 2.0, 9.0], [4], [[1.0], [np.nan], [3.0]], "mV", "a", "v"),
                          ("a", "u"): Trace([], [4], np.zeros((0, 1)), "", "a", "u"),
                          ("a", "w"): Trace([1.0], [], np.zeros((1, 0)), "", "a", "w"),
                          ("a", "twice"): Trace([1.0, 2.0], [3, 3], np.ones((2, 2)), "", "a", "twice"),
                          ("a", "nan"): Trace([1.0, 2.0], [3], np.full((2, 1), np.nan), "", "a", "nan")}, {}),
    "weights": Result({}, {}, {"p": Weights("p", [0], [1], [5.0], [[2.0]]),
                               "q": Weights("q", [0], [1], [], np.zeros((0, 1))),
                               "nan": Weights("nan", [0], [1], [1.0], [[np.inf]])}),
    "odd meta": Result({}, {}, {}, meta={"network": [], "dt": -1.0, "versions": None, "wall_s": 3, "record": 7}),
    "unequal times": Result({"a": poisson(5, 50.0, 100.0), "b": poisson(5, 50.0, 300.0, start=50.0)}, {}, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_odd_results_give_a_page(name, tmp_path):
    text = report.write(CASES[name], tmp_path / "run.html").read_text()
    found = Structure(text)
    assert found.tags[-1] == "footer" and {"network", "traces", "weights", "run"} & set(found.ids)
    for drawn in re.findall(r' (?:d|style|viewBox|points)="([^"]*)"', text):
        assert not re.search("nan|inf", drawn), drawn


def test_status_of_the_run_is_said():
    for name, wanted in (("silent", "cut off at 100 ms"), ("one neuron", "interrupted at 5 ms"),
                         ("one spike", "end of the run unknown")):
        assert wanted in page(CASES[name], "t").replace("\N{NO-BREAK SPACE}", " "), name
    text = page(Result({}, {}, {}, meta={"complete": True, "continued": [400.0, 900.0]}), "t")
    assert "continued at" in text and "400, 900 ms" in text


def test_page_stays_small_whatever_the_run(tmp_path):
    rng = np.random.default_rng(0)
    n = 3000
    spikes = {f"p{k}": Spikes(rng.uniform(0, 1e4, 30_000), rng.integers(0, n, 30_000), n, 1e4) for k in range(12)}
    times = np.arange(1, 30_001) / 3.0
    traces = {("p0", f"v{k}"): Trace(times, [0, 1, 2, 3], rng.normal(size=(30_000, 4)), "mV", "p0", f"v{k}")
              for k in range(12)}
    text = report.write(Result(spikes, traces, {}, meta={"plan": "x" * 10 ** 6}), tmp_path / "big.html").read_text()
    assert 500_000 < len(text) < 3_000_000
    assert "The first 8 of 12 traces are drawn." in text and "The 8 populations with most spikes of 12" in text


def test_path_of_an_archive_and_title(tmp_path):
    from snn.export import archive
    result = example()
    archive.write(Result(result.spikes, result.traces, result.weights, meta=result.meta), tmp_path / "run.h5")
    text = report.write(tmp_path / "run.h5", tmp_path / "run.html", title="My <run>").read_text()
    assert "<h1>My &lt;run&gt;</h1>" in text and "run.h5" in text
    assert text == page(result, "My <run>", "run.h5")


def test_bad_arguments_are_refused_before_any_work(tmp_path):
    (tmp_path / "there.html").write_text("x")
    result = Result({}, {}, {})
    with pytest.raises(RunError, match="exists already"):
        report.write(result, tmp_path / "there.html")
    with pytest.raises(RunError, match="exists already"):
        report.write(result, tmp_path, overwrite=True)
    with pytest.raises(MissingFile, match="folder"):
        report.write(result, tmp_path / "no" / "run.html")
    with pytest.raises(RunError, match="Give the name of a file"):
        report.write(result, 3)
    with pytest.raises(MissingFile):
        report.write(tmp_path / "no.h5", tmp_path / "run.html")
    with pytest.raises(DataError, match="a population of"):
        measure(Spikes([], [], 1 << 40, 1.0))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["there.html"]
    report.write(result, tmp_path / "there.html", overwrite=True)
    assert (tmp_path / "there.html").read_text().startswith("<!doctype html>")


def test_a_full_disk_is_an_error_of_ours(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OutputError, match="No space left"):
        report.write(Result({}, {}, {}), tmp_path / "run.html")


@pytest.mark.parametrize("scheme", ["LIGHT", "DARK"])
def test_text_has_contrast(scheme):
    def luminance(colour):
        c = np.array([int(colour[k:k + 2], 16) for k in (1, 3, 5)]) / 255
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    colours = getattr(style, scheme)
    for name in ("ink", "muted", "accent", "good", "warn", *(f"c{k}" for k in range(style.COLOURS))):
        for ground in ("ground", "card"):
            a, b = sorted((luminance(colours[name]), luminance(colours[ground])))
            assert (b + 0.05) / (a + 0.05) >= 4.5, (name, ground)


def test_numbers_and_ticks_read_well():
    read = [number(x).replace("\N{NARROW NO-BREAK SPACE}", " ") for x in (1234567, 0.00001234, -3.14159, 0, np.nan)]
    assert read == ["1 234 567", "1.23·10⁻⁵", "−3.14", "0", "–"]
    assert round_values(0.0, 1.0, 5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert [t for _, t in Axis(0.5, 500.0, log=True).ticks()] == ["1", "10", "100"]
    assert [t for _, t in Axis(8.0, 60.0, log=True).ticks()] == ["10", "20", "50"]
    assert esc("a<b\x00\n", 3) == "a&lt;…"
