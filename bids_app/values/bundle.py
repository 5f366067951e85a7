"""What a model expects and promises."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from bids_app.errors import DataError
from bids_app.values import Floats, Ints
from bids_app.values.space import Grid, Mask

TR_TOLERANCE_S = 1e-3


@dataclass(frozen=True, slots=True)
class EegSpec:
    """The EEG a model was trained on."""

    channels: tuple[str, ...]
    rate_hz: float
    window_s: float
    reference: str = "average"

    @property
    def n_window(self) -> int:
        """Length of a window in samples."""
        return round(self.window_s * self.rate_hz)


@dataclass(frozen=True, slots=True)
class Accepts:
    """What a model takes that differs from what it was trained on; the rest is refused.

    Attributes
    ----------
    channels : str
        ``exact`` for the same channels in the same order, ``any`` for any montage.
    tr : str
        ``any`` repetition time, or the ``same``.
    """

    channels: str = "exact"
    tr: str = "any"

    ways: ClassVar[dict[str, tuple[str, ...]]] = {
        "channels": ("exact", "any"),
        "tr": ("any", "same"),
    }

    def refuse_eeg(
        self, eeg: EegSpec, channels: tuple[str, ...], rate_hz: float, where: str
    ) -> None:
        """Raise unless a recording can be given to a model that was trained on `eeg`.

        Raises
        ------
        DataError
            Naming the recording, and the channels that it lacks.
        """
        if rate_hz == eeg.rate_hz and (self.channels == "any" or channels == eeg.channels):
            return
        lacking = ", ".join(name for name in eeg.channels if name not in channels)
        raise DataError(
            f"{where}: the model wants {len(eeg.channels)} channels at {eeg.rate_hz:g} Hz; the recording has "
            f"{len(channels)} at {rate_hz:g} Hz; lacking: {lacking or 'none'}",
            hint="use a recording with the same cap and settings, or a model trained for this one",
        )

    def refuse_tr(self, bold: BoldSpec, tr_s: float, where: str) -> None:
        """Raise unless volumes this far apart can be predicted.

        Raises
        ------
        DataError
            Naming the recording and both repetition times.
        """
        if self.tr == "same" and abs(tr_s - bold.tr_s) > TR_TOLERANCE_S:
            raise DataError(
                f"{where}: volumes come every {tr_s:g} s; the model was trained for {bold.tr_s:g} s and takes no other",
                hint="use a model that takes any repetition time, or one trained for this one",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What a model predicts of the voxels.

    Attributes
    ----------
    kind : str
        ``voxels``, ``parcels`` (means of regions) or ``components`` (principal ones of the training targets).
    count : int
        Regions or components; 0 for voxels.
    labels : ndarray of shape (voxel,) or None
        Region of each voxel, from 1; 0 for none. Needed for training only: a trained model has what it stands for.
    """

    kind: str = "voxels"
    count: int = 0
    labels: Ints | None = None

    KINDS: ClassVar[tuple[str, ...]] = ("voxels", "parcels", "components")


@dataclass(frozen=True, slots=True, eq=False)
class BoldSpec:
    """The BOLD a model predicts.

    Attributes
    ----------
    mask : Mask
        Voxels that are predicted, in order.
    space : str
        BIDS label of the template, such as ``MNI152NLin2009aSym``.
    resolution : str or None
        BIDS ``res`` label.
    tr_s : float
        Repetition time of the training runs.
    start_time_s : float
        Their ``StartTime``.
    smoothing_mm : float
        Full width at half maximum of the smoothing of the training targets.
    window_lag_s : float
        How long before its volume a window ends.
    targets : Targets
        What of the voxels is predicted.
    """

    mask: Mask
    space: str
    resolution: str | None
    tr_s: float
    start_time_s: float
    smoothing_mm: float
    window_lag_s: float = 0.0
    targets: Targets = field(default_factory=Targets)

    @property
    def reduced(self) -> BoldSpec:
        """The same with a voxel for each region or component, for the model that predicts them."""
        grid = Grid((self.targets.count, 1, 1), np.eye(4))
        return replace(self, mask=Mask(grid, np.ones(grid.shape, bool)), targets=Targets())

    @property
    def n_voxels(self) -> int:
        """Number of voxels that are predicted."""
        return self.mask.n_voxels


@dataclass(frozen=True, slots=True, eq=False)
class ModelBundle:
    """A trained model: its description, and its weights by name.

    Attributes
    ----------
    architecture : str
        Name of a file in ``models/``.
    arguments : dict
        What it was built with.
    eeg : EegSpec
        What it eats.
    bold : BoldSpec
        What it gives.
    weights : dict of str to ndarray
        By parameter name.
    baseline : ndarray of shape (voxel,)
        Mean image of the training participants, for EEG without BOLD.
    accepts : Accepts
        What else it takes.
    training : dict
        Provenance: ``participants`` (dataset, label and content hash each), ``runs``, ``seed``, ``versions``.
    """

    architecture: str
    arguments: dict[str, Any]
    eeg: EegSpec
    bold: BoldSpec
    weights: dict[str, Floats]
    baseline: Floats
    training: dict[str, Any] = field(default_factory=dict)
    accepts: Accepts = Accepts()

    def describe(self) -> dict[str, Any]:
        """What ``bundle.json`` says of the specification."""
        bold = {
            "space": self.bold.space,
            "resolution": self.bold.resolution,
            "tr_s": self.bold.tr_s,
            "start_time_s": self.bold.start_time_s,
            "smoothing_mm": self.bold.smoothing_mm,
            "window_lag_s": self.bold.window_lag_s,
            "targets": {"kind": self.bold.targets.kind, "count": self.bold.targets.count},
            "mask_sha256": self.bold.mask.sha256,
            "grid_shape": list(self.bold.mask.grid.shape),
            "grid_affine": self.bold.mask.grid.affine.tolist(),
        }
        return {
            "architecture": self.architecture,
            "arguments": self.arguments,
            "eeg": asdict(self.eeg),
            "bold": bold,
            "accepts": asdict(self.accepts),
            "training": self.training,
        }
