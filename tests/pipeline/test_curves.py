"""Learning curves come from the folds that were trained by descent."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from bids_app.pipeline.curves import draw_curves
from bids_app.pipeline.place import Figures


def test_a_figure_of_the_folds_with_epochs(tmp_path: Path) -> None:
    place, told = Figures(tmp_path, None), list[dict[str, str]]()
    trained = {"History": {"train": [3e-4, 2e-4], "valid": [3e-4, 2.5e-4], "best_epoch": 1}}
    draw_curves(place, "cnn", [trained, trained], told)
    assert [path.name for path in place.files()] == ["group_desc-cnnTraining_figure.png"]
    with Image.open(place.files()[0]) as picture:
        assert picture.width > 500
    assert "in 2 trainings" in told[0]["caption"]


def test_a_closed_form_has_none(tmp_path: Path) -> None:
    place, told = Figures(tmp_path, None), list[dict[str, str]]()
    draw_curves(place, "ridge", [{"History": {"strength": 3.0}}], told)
    assert not told
