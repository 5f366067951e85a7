"""What a model expects and promises."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from bids_app.errors import DataError
from bids_app.values import Floats
from bids_app.values.space import Mask


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

    def refuse_unless(self, channels: tuple[str, ...], rate_hz: float, where: str) -> None:
        """Raise unless a recording has these channels, in this order, at this rate.

        Raises
        ------
        DataError
            Naming the recording, and the channels that it lacks.
        """
        if channels == self.channels and rate_hz == self.rate_hz:
            return
        lacking = ", ".join(name for name in self.channels if name not in channels)
        raise DataError(
            f"{where}: the model wants {len(self.channels)} channels at {self.rate_hz:g} Hz; the recording has "
            f"{len(channels)} at {rate_hz:g} Hz; lacking: {lacking or 'none'}",
            hint="use a recording with the same cap and settings, or a model trained for this one",
        )


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
    """

    mask: Mask
    space: str
    resolution: str | None
    tr_s: float
    start_time_s: float
    smoothing_mm: float
    window_lag_s: float = 0.0

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

    def describe(self) -> dict[str, Any]:
        """What ``bundle.json`` says of the specification."""
        bold = {
            "space": self.bold.space,
            "resolution": self.bold.resolution,
            "tr_s": self.bold.tr_s,
            "start_time_s": self.bold.start_time_s,
            "smoothing_mm": self.bold.smoothing_mm,
            "window_lag_s": self.bold.window_lag_s,
            "mask_sha256": self.bold.mask.sha256,
            "grid_shape": list(self.bold.mask.grid.shape),
            "grid_affine": self.bold.mask.grid.affine.tolist(),
        }
        return {
            "architecture": self.architecture,
            "arguments": self.arguments,
            "eeg": asdict(self.eeg),
            "bold": bold,
            "training": self.training,
        }
