"""The files that describe the output as a dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bids_app import __version__
from bids_app.errors import DataError
from bids_app.files.lock import locked
from bids_app.files.sidecar import write_json
from bids_app.files.tables import read_tsv, write_tsv
from bids_app.files.whole import write_text

BIDS_VERSION = "1.10.0"
CODE_URL = "https://github.com/eeg2fmri/eeg2fmri"
# A trailing slash, as in .gitignore, does not hide a folder from the validator.
IGNORED = (
    "*.html",
    "figures",
    "log",
    "models",
    "work",
    "group_*",
    "*_xfm.*",
    "*_boldref.*",
    "*_timeseries.*",
    "*_statmap.*",
)
DESCRIPTIONS = {
    "preproc": "Preprocessed: T1w bias-corrected; BOLD realigned, slice-timed, unsmoothed; EEG filtered, resampled, "
    "average reference",
    "brain": "Brain mask",
    "hmc": "Head-motion correction",
    "coreg": "Coregistration of BOLD to T1w",
    "confounds": "Nuisance time courses",
    "synth": "BOLD synthesized from EEG by a model that never saw this person",
    "synthwithin": "BOLD synthesized from EEG by a model trained on other data of the same person",
    "synthcalibrated": "BOLD synthesized from EEG by a model trained on other people, calibrated on other runs of the "
    "same person",
    "synthinsample": "BOLD synthesized from EEG by a model that was trained on these data; never scored",
    "synthstd": "Predictive standard deviation of BOLD around desc-synth, learned from people left out of training",
    "synthreliable": "Voxels in which people left out of training were predicted better than chance",
    "synthwithinstd": "Predictive standard deviation of BOLD around desc-synthwithin",
    "synthwithinreliable": "Voxels of desc-synthwithin in which data left out of training were predicted",
    "synthcalibratedstd": "Predictive standard deviation of BOLD around desc-synthcalibrated, learned from people left "
    "out of training, without calibration",
    "synthcalibratedreliable": "Voxels of desc-synthcalibrated in which people left out of training were predicted",
    "synthinsamplestd": "Predictive standard deviation of BOLD around desc-synthinsample",
    "synthinsamplereliable": "Voxels of desc-synthinsample in which people left out of training were predicted",
}
TISSUE_LABELS: dict[str, Sequence[object]] = {
    "index": [0, 1, 2, 3],
    "name": ["Background", "Gray Matter", "White Matter", "Cerebrospinal Fluid"],
    "abbreviation": ["BG", "GM", "WM", "CSF"],
}
README = """# BOLD synthesized from EEG

Written by eeg2fmri. `descriptions.tsv` says what each `desc-` label means; each image has its sources, settings and
model in the JSON file beside it. Open `sub-<label>.html` and `group.html` in a browser for the reports.

Images with `desc-synth…` are predictions, not measurements. They are worth no more than the scores in the reports,
and they are not for diagnosis.
"""


def describe(
    output_dir: Path, links: dict[str, Path], source: dict[str, Any], environ: dict[str, str]
) -> None:
    """Write what a BIDS derivative must have at its top.

    Parameters
    ----------
    output_dir : Path
        Top of the derivative dataset.
    links : dict of str to Path
        Datasets that BIDS URIs refer to, by name.
    source : dict
        The raw dataset's description.
    environ : dict
        Environment; tells which container the app runs in.
    """
    generated: dict[str, Any] = {"Name": "eeg2fmri", "Version": __version__, "CodeURL": CODE_URL}
    if environ.get("EEG2FMRI_CONTAINER"):
        generated["Container"] = {"Type": environ["EEG2FMRI_CONTAINER"], "Tag": __version__}
    found: dict[str, Any] = {
        "Name": "eeg2fmri: fMRI synthesized from EEG",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generated, *_list(source.get("GeneratedBy"))],
        "RawDataset": {"Name": source.get("Name"), "Identity": identity(source)},
        "DatasetLinks": {name: path.resolve().as_uri() for name, path in links.items()},
    }
    if source.get("License"):
        found["License"] = source["License"]
    if source.get("DatasetDOI"):
        found["SourceDatasets"] = [{"DOI": source["DatasetDOI"]}]
    with locked(output_dir / "dataset_description.json"):
        write_json(output_dir / "dataset_description.json", found)
        write_text(output_dir / "README.md", README)
        write_text(output_dir / ".bidsignore", "\n".join(IGNORED) + "\n")
        write_tsv(output_dir / "dseg.tsv", TISSUE_LABELS)
        describe_labels(output_dir, DESCRIPTIONS)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def identity(source: dict[str, Any]) -> str:
    """Hash of a dataset's description: tells datasets apart wherever they are mounted."""
    return hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()


def describe_labels(output_dir: Path, labels: dict[str, str]) -> None:
    """Add ``desc`` labels to ``descriptions.tsv``, which other jobs may be writing too.

    Raises
    ------
    DataError
        When the file that is there is another table.
    """
    path = output_dir / "descriptions.tsv"
    known: dict[str, str] = {}
    if path.is_file():
        table = read_tsv(path)
        if not {"desc_id", "description"} <= table.keys():
            raise DataError(
                f"{path}: has columns {', '.join(table)}; expected desc_id and description",
                hint="remove the file; it is written again",
            )
        known = dict(zip(table["desc_id"], table["description"], strict=True))
    merged = known | {f"desc-{name}": text for name, text in labels.items()}
    write_tsv(
        path, {"desc_id": sorted(merged), "description": [merged[name] for name in sorted(merged)]}
    )
