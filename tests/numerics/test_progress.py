import pytest

from metadesk.errors import Cancelled
from metadesk.numerics.progress import SILENT, Progress


def test_a_part_reports_within_its_share() -> None:
    heard = []
    whole = Progress(lambda fraction, what: heard.append((fraction, what)))
    whole.within(0.2, 0.6).within(0.5, 1.0).step(0.5, "x")
    assert heard == [(pytest.approx(0.5), "x")]
    whole.within(0.2, 0.6).step(7.0)
    assert heard[-1][0] == pytest.approx(0.6)


def test_a_part_is_called_off_with_the_whole() -> None:
    whole = Progress(lambda *_: None, lambda: True)
    with pytest.raises(Cancelled):
        whole.within(0.0, 0.5).step(0.1)
    with pytest.raises(Cancelled):
        whole.check()


def test_asking_whether_to_go_on_says_nothing() -> None:
    heard = []
    Progress(lambda *said: heard.append(said)).check()
    assert heard == []
    assert SILENT.within(0.0, 0.5) is SILENT
