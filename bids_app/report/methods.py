"""The methods text: what was done, in sentences that can be quoted, from what the record says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bids_app.config import TEMPLATE
from bids_app.report import evaluation, tables
from bids_app.report.record import Table, at, finite, number, part, rows, text
from bids_app.report.references import WORKS, Reference

CITATION = re.compile(r"\[@([a-z0-9, ]+)\]")
DEFAULT_MARKERS = "volume markers"
KEPT = "mutual information kept"  # so end the notes of runs whose place the border did not decide
TRAINED = (
    "; trained with AdamW [@adamw] and a cosine schedule [@cosine] in PyTorch [@torch], stopped early on "
    "runs held back from the training data."
)
DENOISED = {
    "motion": "24 terms of head motion",
    "simple": "24 terms of head motion and the mean signals of CSF and white matter",
    "acompcor": "24 terms of head motion and the components of CSF and white matter [@compcor]",
    "scrubbing": (
        "24 terms of head motion and the mean signals of CSF and white matter with their changes "
        "and squares; volumes that move too much were left out of the regression and of training, "
        "and were predicted and scored all the same"
    ),
}
ARCHITECTURES = {
    "ridge": (
        "The model “ridge” is a linear regression with a squared penalty [@ridge] from lagged "
        "logarithmic band power of the EEG to principal components of the targets, in closed "
        "form, its strength chosen inside the training data."
    ),
    "sources": (
        "The model “sources” turns the electrodes into virtual sources by minimum-norm "
        "filters [@minimumnorm] of a spherical head, from the electrodes' places (standard, or digitised), so "
        "that it fits any cap; lagged logarithmic band power of the sources predicts principal "
        "components of the targets by ridge regression [@ridge] in closed form. People (or runs) "
        "of the training data that were left out in turn chose its strength and gave the standard "
        "deviation of its errors."
    ),
    "dense": (
        "The model “dense” is a fully connected network on the flattened EEG window, the first of "
        "those that Bricman and Borst describe [@paper]" + TRAINED
    ),
    "siamese": (
        "The model “siamese” is the fully connected network of Bricman and Borst [@paper]: a "
        "linear embedding shared by all channels, then dense layers" + TRAINED
    ),
    "cnn": (
        "The model “cnn” is the convolutional network of Bricman and Borst [@paper]: "
        "convolutions shared by all channels, then dense layers" + TRAINED
    ),
    "transformer teacher forced": (
        "Rows “transformer teacher forced” are no predictions: the model was shown the true slices before each slice."
    ),
    "transformer": (
        "The model “transformer” follows Bricman and Borst [@paper]: channels are its source "
        "tokens [@attention], sagittal slices its target tokens. In training each slice is "
        "predicted from the true slices before it; predictions come from its own slices only"
        + TRAINED
    ),
}
CALIBRATED = (
    "For rows “calibrated” the model was also fitted to each person whom it had never seen, on {count} of their "
    "runs with BOLD: one matrix over lag shapes, shared by all sources, bands and voxels, drawn towards the response "
    "of the training population as firmly as people left out of training asked for. Only the other runs were predicted "
    "and scored; no test rests on them."
)
BIPOLAR = (
    "Bipolar pairs were brought to their electrodes by least squares, against the mean of the mastoids where they "
    "were recorded, else of all electrodes"
)
ARTEFACTS = {
    "gradient": (
        "Gradient artefacts were removed at the recorded rate: volumes were aligned between samples and averaged over "
        "{window_volumes} at a time [@aas], and the principal components of these averages over channels and time "
        "[@obs] were fitted to each channel in windows of {adapt_s} s by least squares, as an adaptive noise "
        "canceller; what still repeated was averaged again and subtracted as far as it stood out of chance"
    ),
    "loops": (
        "What the EEG shared with carbon-wire loops, up to {lag_s} s earlier or later, was subtracted [@loops]"
    ),
    "pulse": (
        "Pulse artefacts were removed beat by beat: a mean over {window_beats} beats and an optimal basis set of "
        "{n_components} components [@obs], each weighted by how far it exceeded the EEG at other times"
    ),
}


@dataclass(frozen=True, slots=True)
class Methods:
    """Methods text.

    Attributes
    ----------
    paragraphs : tuple of (str, str)
        Heading and text, with numbers in brackets for citations.
    references : tuple of Reference
        In order of their numbers, from 1.
    """

    paragraphs: tuple[tuple[str, str], ...]
    references: tuple[Reference, ...]

    @property
    def plain(self) -> str:
        """The whole as plain text."""
        blocks = [f"{heading}\n{body}" for heading, body in self.paragraphs]
        works = [
            f"[{place}] {work.text}" + (f" https://doi.org/{work.doi}" if work.doi else "")
            for place, work in enumerate(self.references, start=1)
        ]
        return "\n\n".join([*blocks, "References\n" + "\n".join(works)]) + "\n"


def of(record: Table) -> Methods:
    """Write the methods text of a participant or a group.

    Parameters
    ----------
    record : dict
        As read from disk. A step is described when the record shows that it was taken.
    """
    drafts = {
        "Software and data": _data(record),
        "Anatomy and fMRI": _fmri(record),
        "EEG": _eeg(record),
        "Model": _model(record),
        "Evaluation": evaluation.sentences(record),
    }
    return _numbered({heading: " ".join(body) for heading, body in drafts.items() if body})


def _data(record: Table) -> list[str]:
    said = [
        f"Results come from eeg2fmri {text(record, 'version', '(version not recorded)')}, a BIDS "
        "App [@bidsapps], run on data organized by the Brain Imaging Data Structure [@bids, "
        "eegbids]."
    ]
    clocks = [
        part(pairing, "clock") for pairing in rows(record, "pairings") if part(pairing, "clock")
    ]
    return [*said, *_clocks(clocks)]


def _clocks(clocks: list[Table]) -> list[str]:
    """Say how EEG time was put onto scanner time: by markers, or by what is known of the recordings."""
    said = []
    marked = [clock for clock in clocks if (number(clock, "n_found") or 0) > 0]
    if marked:
        names = tables.unique(text(clock, "marker", "") for clock in marked)
        told = ", ".join(f"“{name}”" for name in names if name)
        said.append(
            f"EEG time was put onto scanner time by a straight line through the {DEFAULT_MARKERS}"
            f"{f' ({told})' if told else ''} of each of {len(marked)} recordings."
        )
        residuals = [
            value for clock in marked if (value := number(clock, "residual_s")) is not None
        ]
        if residuals:
            said.append(f"No marker lay farther than {1e3 * max(residuals):.2g} ms from its line.")
    others = [clock for clock in clocks if clock not in marked]
    if others:
        sources = ", ".join(tables.unique(text(clock, "source", "") for clock in others))
        said.append(
            f"{len(others)} recordings hold no volume markers; when their first volume started is known from "
            f"elsewhere ({sources}), and their clock was taken to run as the scanner's."
        )
    return said


def _fmri(record: Table) -> list[str]:
    engine = text(part(record, "anatomy"), "engine", "")
    if engine == "fmriprep":
        return [
            "Preprocessed BOLD, masks, tissue probabilities and confounds were taken as they are "
            "from derivatives of fMRIPrep [@fmriprep]; cite its own methods text as well."
        ]
    if engine != "builtin":
        return []
    from_bold = text(part(record, "anatomy"), "kind", "") == "epiref"
    settings = part(record, "settings")
    anatomy = (_from_bold if from_bold else _anatomy)(text(settings, "template", TEMPLATE))
    return [*anatomy, _motion(), _place(record, from_bold), *_bold(settings)]


def _template(name: str) -> str:
    if name == TEMPLATE:
        return "the symmetric ICBM152 2009a template [@icbm] that Nilearn [@nilearn] carries"
    return f"the template {name} of TemplateFlow [@templateflow]"


def _from_bold(name: str) -> list[str]:
    return [
        "Images were preprocessed by the app's own engine, which is not fMRIPrep.",
        "There was no usable T1-weighted image: the median BOLD image, made uniform with N4 [@n4] in SimpleITK [@sitk] "
        f"and its brightness turned over, was registered in its place to {_template(name)}, by an affine and then a "
        "diffeomorphic transform that raises local cross-correlation, after the measure of Avants et al. [@lncc]; "
        "tissues are those of the template.",
    ]


def _anatomy(name: str) -> list[str]:
    return [
        "Images were preprocessed by the app's own engine, which is not fMRIPrep.",
        "The brain was found in the T1-weighted image with deepbet [@deepbet], and intensity was made uniform with N4 "
        "[@n4] in SimpleITK [@sitk].",
        f"The image was registered to {_template(name)}, by an affine and then a diffeomorphic transform that raises "
        "local cross-correlation, after the measure of Avants et al. [@lncc].",
        "Grey matter, white matter and cerebrospinal fluid were told apart by expectation maximization with a hidden "
        "Markov random field [@hmrf] and the template's tissue probabilities; fluid over 2 mm away was left out.",
    ]


def _motion() -> str:
    return (
        "Head motion was estimated by inverse-compositional Gauss-Newton registration [@compositional] of each volume "
        "to a robust reference (in the pose of the single-band reference, where a run has one), together with "
        "a gain that changes linearly over the head and one for each tissue."
    )


def _place(record: Table, from_bold: bool) -> str:  # noqa: FBT001 (from which of two images)
    """Say how runs were aligned with the anatomy, and where the border of white matter did not serve."""
    image, whose = (
        ("that image", "the template’s") if from_bold else ("the T1-weighted image", "its")
    )
    runs = rows(record, "runs")
    kept = [run for run in runs if any(KEPT in note for note in run.get("notes", []))]
    but = f", but for {len(kept)} of {len(runs)} runs, where the border did not serve"
    return (
        f"The reference was aligned with {image} rigidly, by mutual information and then by the contrast across "
        f"{whose} white-matter border [@bbr]{but if kept else ''}."
    )


def _bold(settings: Table) -> list[str]:
    resolution = _figure(at(settings, "resolution_mm"), " mm")
    smoothing = _figure(at(settings, "smoothing_fwhm_mm"), " mm full width at half maximum")
    said = [
        _slice_timing(text(settings, "slice_order", "")),
        "All transforms were composed, and each volume was interpolated once, with cubic "
        "splines, on the template grid" + (f" of {resolution}." if resolution else "."),
        "Confounds were computed in the space of the run, with fMRIPrep’s definitions and names: "
        "head motion, framewise displacement and DVARS [@fd], mean signals of the brain, "
        "cerebrospinal fluid and white matter away from grey matter, their changes and squares "
        "[@expansion], cosines slower than 128 s, and components that explain half of the variance "
        "of CSF, white matter, both, and the most variable voxels [@compcor], and 24 of the "
        "brain’s edge [@edge].",
    ]
    if smoothing and not at(settings, "preproc_only"):
        said.append(
            f"What the models learn is smoothed by {smoothing}; the preprocessed BOLD is not."
        )
    return said


def _slice_timing(order: str) -> str:
    if order == "none":
        return "Slice timing was not corrected."
    known = f" or told by --slice-order {order}" if order else ""
    return f"Where slice times are recorded{known}, slices were shifted to one time in the Fourier domain."


def _eeg(record: Table) -> list[str]:
    if not any(text(pairing, "eeg", "") for pairing in rows(record, "pairings")):
        return []
    settings = part(part(record, "settings"), "eeg") or next(iter(_steps(record)), {})
    rate, low, high = (
        _figure(at(settings, name), " Hz")
        for name in ("resample.rate_hz", "band.low_hz", "band.high_hz")
    )
    steps = [
        f"resampled to {rate}" if rate else "",
        f"band-pass filtered from {low} to {high} without phase shift" if low and high else "",
        "notch filtered at the power line where its frequency is recorded"
        if "notch" in settings
        else "",
        "referenced to the average of all EEG channels" if "reference" in settings else "",
    ]
    taken = [step for step in steps if step]
    said = ["EEG was read with MNE-Python [@mne]" + (f" and {_listed(taken)}." if taken else ".")]
    return said + _against_artefacts(_steps(record) or ([settings] if settings else []))


def _against_artefacts(runs: list[Table]) -> list[str]:
    """What was done with pairs of electrodes and against the scanner's artefacts, from the steps of each run."""
    if not runs:
        return []
    n_pairs = sum("bipolar" in steps for steps in runs)
    pairs = [f"{BIPOLAR} (in {n_pairs} of {len(runs)} recordings)."] if n_pairs else []
    said = [
        f"{sentence} (in {n_runs} of {len(runs)} recordings)."
        for step, sentence in ARTEFACTS.items()
        if (n_runs := sum(step in steps for steps in runs))
        for sentence in (sentence.format(**_filled(step, runs)),)
    ]
    if not said:
        said = ["Neither gradient nor pulse artefacts were removed from it."]
    if any("bad_channels" in steps for steps in runs):
        said.append(
            "Channels without signal, far louder or quieter than the others, or like no other [@prep] were "
            "interpolated with spherical splines."
        )
    return pairs + said


def _filled(step: str, runs: list[Table]) -> dict[str, str]:
    """Settings of a step as text, of the first run that took it."""
    settings = part(next(steps for steps in runs if step in steps), step)
    return {
        name: f"{value:g}" for name in settings if (value := finite(settings[name])) is not None
    }


def _steps(record: Table) -> list[Table]:
    """Steps of each run, with their settings."""
    found = (part(part(run, "eeg"), "steps") for run in rows(record, "runs"))
    return [steps for steps in found if steps]


def _model(record: Table) -> list[str]:
    settings = part(record, "settings")
    window, lag = _figure(at(settings, "window_s"), " s"), finite(at(settings, "window_lag_s"))
    said = []
    if window:
        end = f" {lag:g} s before" if lag else " at"
        said.append(
            f"Each volume is predicted from the {window} of EEG that end{end} the "
            "time of the volume [@paper]; volumes without a whole window are counted and not "
            "scored."
        )
    scored = tables.shown(rows(record, "scores"))
    models = [
        name
        for name in tables.unique(tables.row_name(score) for score in scored)
        if tables.is_model(name)
    ]
    models, count = _uncalibrated(models), finite(at(settings, "calibrate_runs"))
    if models:
        said.append(
            "Targets are changes from the participant's median volume, as fractions of it; "
            "voxels are those of grey and white matter."
        )
        said += _denoised(str(at(settings, "denoise")))
    said += [
        ARCHITECTURES.get(name, f"The model “{name}” is described in its own documentation.")
        for name in models
    ]
    if count and any(text(score, "split") == "calibrated" for score in scored):
        said.append(CALIBRATED.format(count=f"{count:g}"))
    seed = at(settings, "random_seed")
    if models and seed is not None:
        said.append(f"All randomness comes from seed {seed}.")
    return said


def _uncalibrated(models: list[str]) -> list[str]:
    """Names of models, without those of their rows that stand for calibration."""
    return tables.unique(
        name.removesuffix(" calibrated").removesuffix(" uncalibrated") for name in models
    )


def _denoised(name: str) -> list[str]:
    if name not in DENOISED:
        return []
    return [
        f"From what the models learn and are scored on, slow drift was regressed out, with {DENOISED[name]}. "
        "Each run was cleaned by its own confounds alone. In a run that was split, coefficients were "
        "fitted on its training volumes only, so that no training target depends on a test volume; "
        "a run that was wholly for test was cleaned by itself, which no model saw."
    ]


def _numbered(drafts: dict[str, str]) -> Methods:
    cited: list[str] = []

    def number_of(found: re.Match[str]) -> str:
        keys = [key.strip() for key in found.group(1).split(",")]
        cited.extend(key for key in keys if key not in cited)
        return f"[{', '.join(str(cited.index(key) + 1) for key in keys)}]"

    paragraphs = tuple(
        (heading, CITATION.sub(number_of, body)) for heading, body in drafts.items()
    )
    return Methods(paragraphs, tuple(WORKS[key] for key in cited))


def _figure(value: Any, unit: str) -> str:
    known = finite(value)
    return "" if known is None else f"{known:g}{unit}"


def _listed(steps: list[str]) -> str:
    return steps[0] if len(steps) == 1 else f"{', '.join(steps[:-1])} and {steps[-1]}"
