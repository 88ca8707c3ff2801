"""Bad input, in numbers: 2,000 label files, 500 configs and 500 media files that came to harm.

Each ends in success or in a fault of one line that names the file, within 30 s and 2 GB, and with
nothing on standard error. What broke is named; `python -m tests.fuzz.children labels 1234` carries
such a case through again.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fuzz.children import MOST_KIB, Report, run_cases

pytestmark = pytest.mark.slow


def carry_all(kind: str, cases: range, folder: Path) -> Report:
    report = run_cases(kind, cases.start, len(cases), folder)
    assert not report.broken, "\n".join(report.broken)
    assert report.accepted + report.refused == len(cases)
    assert 0 < report.peak_kib < MOST_KIB
    return report


@pytest.mark.parametrize("first", range(0, 2000, 500))
def test_two_thousand_label_files(tmp_path: Path, first: int) -> None:
    report = carry_all("labels", range(first, first + 500), tmp_path)
    assert min(report.accepted, report.refused) > 75, report
    assert len(report.messages) > 100


def test_five_hundred_configs(tmp_path: Path) -> None:
    report = carry_all("configs", range(500), tmp_path)
    assert min(report.accepted, report.refused) > 15, report
    assert len(report.messages) > 200


@pytest.mark.parametrize("first", range(0, 500, 125))
def test_five_hundred_media_files(tmp_path: Path, first: int) -> None:
    report = carry_all("media", range(first, first + 125), tmp_path)
    assert min(report.accepted, report.refused) > 20, report
    assert len(report.messages) > 30


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("hangs", "selftest 2 .*: over 1 s"),
        ("crashes", r"selftest 2 .*: its process died \(-\d+\)"),
        ("raises", "(?s)selftest 2 .*KeyError: 'x'"),
        ("is large", "selftest 2 .*GiB, accepted"),
        ("prints", "selftest 2 .*but on stderr: libjunk: odd"),
        ("warns", "(?s)selftest 2 .*but on stderr:.*UserWarning: odd"),
        ("logs", "selftest 2 .*but logs"),
        ("two lines", "selftest 2 .*a message of several lines"),
        ("long line", "selftest 2 .*a message of 10"),
        ("no name", "selftest 2 .*does not name the file"),
    ],
)
def test_what_breaks_is_seen_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, said: str
) -> None:
    monkeypatch.setattr("tests.fuzz.children.MOST_SECONDS", 1 if broken == "hangs" else 30)
    monkeypatch.setenv("SELFTEST_BREAKS", broken)
    report = run_cases("selftest", 0, 5, tmp_path)
    assert report.accepted == 4
    (line,) = report.broken
    assert re.match(said, line), line
