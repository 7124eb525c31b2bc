"""The report in a real browser: it works, asks for nothing, and fits a phone."""

import os

import pytest
from analysis_browser import Browser, missing

from rlsuite.analysis.__main__ import Options, analyse

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def _browser():
    if missing() and os.environ.get("RLSUITE_NEEDS_BROWSER"):
        pytest.fail(missing())
    elif missing():
        pytest.skip(missing())


COLUMN = """return [...document.querySelectorAll('#grs-table tbody tr')].filter(r => !r.hidden)
            .map(r => r.cells[arguments[0]].textContent)"""


@pytest.fixture(scope="module")
def report(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    analyse(Options((tree,), out))
    return out / "report.html"


@pytest.fixture(scope="module")
def page(report, tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        browser.open(report)
        yield browser


def test_nothing_is_asked_for_and_nothing_complains(page, report):
    assert [url for url in page.requests(report) if not url.startswith("data:")] == [report.as_uri()]
    assert page.log("browser") == []


def test_a_click_sorts_numbers_as_numbers_and_again_the_other_way(page):
    heads = page.run("return [...document.querySelectorAll('#grs-table th')].map(h => h.textContent)")
    column = heads.index("train return")
    button = f"#grs-table th:nth-child({column + 1}) button"
    before = page.run(COLUMN, column)
    page.click(button)
    up = page.run(COLUMN, column)
    assert sorted(up) == sorted(before)
    values = [float(cell.split(" ")[0]) for cell in up]
    assert values == sorted(values) != [float(cell.split(" ")[0]) for cell in before]
    assert (
        page.run("return document.querySelector('#grs-table th[aria-sort=ascending]').textContent")
        == "train return"
    )
    page.click(button)
    assert [float(cell.split(" ")[0]) for cell in page.run(COLUMN, column)] == values[::-1]
    page.click("#grs-table th:nth-child(3) button")
    techniques = page.run(COLUMN, 2)
    assert techniques == sorted(techniques, key=lambda name: name.replace("+", ""))


def test_the_filter_hides_rows(page):
    page.type("input[data-for]", "env01 ppo")
    assert set(page.run(COLUMN, 0)) == {"env01"}
    assert set(page.run(COLUMN, 1)) == {"ppo"}
    page.run(
        "const i = document.querySelector('input[data-for]'); i.value = ''; i.dispatchEvent(new Event('input'))"
    )
    assert set(page.run(COLUMN, 0)) == {"env00", "env01"}


def test_every_figure_is_drawn_with_its_command(page):
    seen = page.run("""return [...document.querySelectorAll('figure')].map(f => [
        Math.min(...[...f.querySelectorAll('svg')].map(s => s.getBoundingClientRect().height)),
        f.querySelectorAll('figcaption code').length])""")
    assert len(seen) == 9
    assert all(height > 80 and commands == 2 for height, commands in seen)


def test_links_of_the_page_lead_somewhere(page):
    assert page.run(
        "return [...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read_in_the_dark(report, tmp_path, scheme):
    dark = (
        ["--blink-settings=preferredColorScheme=0"]
        if scheme == "dark"
        else ["--blink-settings=preferredColorScheme=1"]
    )
    with Browser(tmp_path, 500, 900, dark) as phone:
        phone.open(report)
        assert phone.run("return document.documentElement.scrollWidth <= window.innerWidth")
        paper, ink = (
            phone.run(f"return getComputedStyle(document.body).{what}")
            for what in ("backgroundColor", "color")
        )
        bright = [sum(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3])) for colour in (paper, ink)]
        assert (bright[0] < bright[1]) == (scheme == "dark")
        assert abs(bright[0] - bright[1]) > 500
        # text of figures takes the colour of the page
        assert phone.run("return getComputedStyle(document.querySelector('svg text')).fill") == ink
        assert len(phone.screenshot()) > 10_000
