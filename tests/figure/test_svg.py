from xml.etree import ElementTree

from metadesk.figure import Dot, Hit, Line, Page, Poly, Rect, Text, svg_text

SVG = "{http://www.w3.org/2000/svg}"


def page(*marks, **more):
    return Page(200, 100, tuple(marks), **more)


def test_text_stays_text_and_dangerous_characters_are_escaped():
    drawn = svg_text(page(Text(1, 2, 'Smith & <Jones> "3"\x07', id="row:1")))
    tree = ElementTree.fromstring(drawn)
    assert [t.text for t in tree.iter(f"{SVG}text")] == ['Smith & <Jones> "3"']


def test_arial_comes_first():
    assert "font-family=\"Arial, 'Liberation Sans'" in svg_text(page())


def test_marks_of_one_id_are_one_group_and_ids_stand_once():
    marks = [
        Line(0, 0, 1, 1, id="row:1"), Dot(1, 1, 1, id="row:1"),
        Rect(0, 0, 1, 1), Poly(((0, 0), (1, 0), (1, 1)), id="row:1"),
    ]  # fmt: skip
    tree = ElementTree.fromstring(svg_text(page(*marks)))
    assert [g.get("id") for g in tree.iter(f"{SVG}g")] == ["row:1", "row:1.2"]


def test_title_and_description_are_there_for_screen_readers():
    drawn = svg_text(page(title="A & B", description="What it shows"))
    tree = ElementTree.fromstring(drawn)
    assert tree.findtext(f"{SVG}title") == "A & B"
    assert tree.findtext(f"{SVG}desc") == "What it shows"


def test_an_empty_colour_paints_nothing():
    assert 'fill="none"' in svg_text(page(Rect(0, 0, 1, 1, fill="", stroke="#000000")))


def test_the_same_page_gives_the_same_text():
    marks = (Text(1.005, 2, "x"), Line(0, -0.001, 1, 1, dash=(2, 1)))
    assert svg_text(page(*marks)) == svg_text(page(*marks))
    assert "-0" not in svg_text(page(*marks)).split("<line")[1]


def test_a_point_finds_the_region_on_top():
    hits = (Hit("under", 0, 0, 10, 10), Hit("over", 5, 5, 10, 10))
    made = page(hits=hits)
    assert made.hit_at(6, 6) is hits[1]
    assert made.hit_at(1, 1) is hits[0]
    assert made.hit_at(50, 50) is None
    assert made.hit_of("over") is hits[1]
