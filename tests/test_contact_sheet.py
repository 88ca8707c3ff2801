from fractions import Fraction
from pathlib import Path

import cv2
import pytest

from seldsynth.errors import MediaError
from seldsynth.report.contact_sheet import write_contact_sheet
from tests.conftest import mock_clip


def test_frames_come_from_all_over_a_long_video(tmp_path: Path) -> None:
    levels = [40] * 100 + [120] * 100 + [200] * 100
    video = mock_clip(tmp_path / "a.mp4", levels=levels, rate=Fraction(1))
    target = tmp_path / "deep" / "a.png"
    write_contact_sheet(video, target, columns=1, rows=3)
    sheet = cv2.imread(str(target), cv2.IMREAD_GRAYSCALE)
    height = (sheet.shape[0] - 8) // 3
    found = [int(sheet[8 + height * row + height // 2, 320]) for row in range(3)]
    expected = [(level - 16) * 255 / 219 for level in (40, 120, 200)]
    assert found == pytest.approx(expected, abs=3)


def test_a_sheet_that_cannot_be_written(tmp_path: Path) -> None:
    video = mock_clip(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="cannot be written"):
        write_contact_sheet(video, video / "a.png")
