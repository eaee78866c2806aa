"""The report in a real browser: nothing overflows, nothing complains, nothing is loaded, it shows something."""
from itertools import pairwise

import numpy as np
import pytest
from browser import Browser
from report_results import example, poisson

from snn import report
from snn.result import Result
from snn.spikes import Spikes

WIDTHS = (360, 768, 1280)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    name = "a_population_with_a_very_long_name_that_has_no_space_in_it_at_all"
    long = Result({name: poisson(40, 20.0, 200.0), "b c": Spikes([], [], 0, 200.0)}, {}, {},
                  meta={"network": {"name": name}, "engine": name * 3, "complete": False, "plan": "x" * 500})
    return {"example": report.write(example(), folder / "a.html"), "long": report.write(long, folder / "b.html")}


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.mark.parametrize("name", ["example", "long"])
def test_no_width_overflows_and_the_console_is_silent(browser, pages, name):
    for width in WIDTHS:
        browser.open(pages[name], width=width)
        assert browser.ask("innerWidth") == width
        assert browser.ask("document.documentElement.scrollWidth") == width
        assert browser.complaints() == []
        assert [url for url in browser.requests() if not url.startswith(("file:", "data:"))] == []
        # Everything but the row of links, which scrolls by itself, lies inside the window.
        outside = browser.ask("[...document.querySelectorAll('main *, header *')].filter(e => "
                              "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className + e.tagName)")
        assert outside == [], width


def test_scripts_are_forbidden_by_the_page_itself(browser, pages, tmp_path):
    """A script that got into the page all the same would not run, and a picture from elsewhere would not load."""
    text = pages["example"].read_text()
    probe = "<script>document.title = 'owned'</script><img src='https://example.invalid/a.png'></main>"
    (tmp_path / "probe.html").write_text(text.replace("</main>", probe))
    browser.open(tmp_path / "probe.html", width=800)
    assert browser.ask("document.title") == "two & more"
    assert len(browser.complaints()) >= 2, "the console says nothing of what the policy stopped"


def test_light_and_dark_differ_and_show_a_picture(browser, pages):
    grounds = []
    for dark in (False, True):
        browser.open(pages["example"], width=1280, height=1600, dark=dark)
        pixels = np.asarray(browser.picture())
        assert pixels.shape == (1600, 1280, 3)
        grounds.append(pixels[5, 5].mean())
        strips = pixels.reshape(8, 200, 1280, 3).std(axis=(1, 2, 3))
        assert (strips > 3).sum() >= 6, "parts of the page are empty"
        assert len(np.unique(pixels @ np.array([1, 256, 65536]))) > 100
        ink = browser.ask("getComputedStyle(document.querySelector('.area path.fill, .area path')).stroke")
        assert ink.startswith("rgb")
    assert grounds[0] > 200 and grounds[1] < 50


def test_figures_scale_and_columns_follow_the_width(browser, pages):
    seen = []
    for width in WIDTHS:
        browser.open(pages["example"], width=width)
        size = browser.ask("parseFloat(getComputedStyle(document.querySelector('.xt')).fontSize)")
        columns = browser.ask("getComputedStyle(document.querySelector('#traces .grid')).gridTemplateColumns.split(' ')"
                              ".length")
        cards = browser.ask("getComputedStyle(document.querySelector('.wraps td')).display")
        plot = browser.ask("document.querySelector('.area svg').getBoundingClientRect().width")
        seen.append((plot, size, columns, cards))
    assert all(a[0] < b[0] for a, b in pairwise(seen))
    assert {s[1] for s in seen} == {12}
    assert [s[2] for s in seen] == [1, 1, 2]
    assert [s[3] for s in seen] == ["flex", "table-cell", "table-cell"]
