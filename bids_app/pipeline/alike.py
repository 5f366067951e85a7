"""Who can learn together: the largest set of participants with one cap, one rate, one repetition time and one space.

One participant who is unlike the others must not cost the group; they are left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.files import nifti
from bids_app.values.samples import Samples

LEAST_COVER = 0.5
"""Share of the voxels that most people have, which a brain must have: with less, registration went wrong."""

Traits = tuple[tuple[str, ...], float, float, str]


def choose(
    runs: Sequence[PreprocessedRun], samples: Sequence[Samples]
) -> tuple[list[PreprocessedRun], list[Samples], dict[str, str]]:
    """Keep the runs of the largest set of participants that are alike.

    Parameters
    ----------
    runs : sequence of PreprocessedRun
        With BOLD and EEG.
    samples : sequence of Samples
        Theirs, in the same order.

    Returns
    -------
    runs, samples : list
        Those that are kept.
    left_out : dict of str to str
        Name of a run to the reason.
    """
    traits = {one.run: _traits(run, one) for run, one in zip(runs, samples, strict=True)}
    people: dict[Traits, set[str]] = {}
    for one in samples:
        people.setdefault(traits[one.run], set()).add(one.participant)
    # Of sets of the same size the one that comes first.
    common = max(people, key=lambda found: len(people[found])) if people else None
    left_out = {name: _told(found, common) for name, found in traits.items() if found != common}
    kept = [run for run in runs if run.name not in left_out]
    left_out |= _far_from_the_others(kept)
    return (
        [run for run in kept if run.name not in left_out],
        [one for one in samples if one.run not in left_out],
        left_out,
    )


def _traits(run: PreprocessedRun, one: Samples) -> Traits:
    space = f"{run.space.name} res-{run.space.resolution}" if run.space else "no space"
    return one.channels, one.rate_hz, float(run.metadata["RepetitionTime"]), space


def _told(found: Traits, common: Traits | None) -> str:
    assert common is not None
    (names, rate_hz, tr_s, space), (most, most_hz, most_s, most_space) = found, common
    if names != most:
        differ = ", ".join(sorted(set(names) ^ set(most))) or "none, but the order"
        return f"has {len(names)} EEG channels, most have {len(most)}; not in both: {differ}"
    if rate_hz != most_hz:
        return f"its EEG has {rate_hz:g} Hz, most have {most_hz:g}"
    if tr_s != most_s:
        return f"its repetition time is {tr_s:g} s, that of most {most_s:g}"
    return f"is in {space}, most are in {most_space}"


def _far_from_the_others(runs: Sequence[PreprocessedRun]) -> dict[str, str]:
    """Runs whose brain covers little of what most brains cover."""
    brains = {run.name: nifti.read_mask(run.mask) for run in runs if run.mask is not None}
    shapes = {brain.grid.shape for brain in brains.values()}
    if len(brains) < 3 or len(shapes) > 1:  # noqa: PLR2004 (of two nobody knows who is the odd one)
        return {}
    count = np.zeros(shapes.pop())
    for brain in brains.values():
        count += brain.inside
    usual = count > len(brains) / 2
    share = {name: float(brain.inside[usual].mean()) for name, brain in brains.items()}
    return {
        name: f"its brain covers {part:.0%} of where most brains are: look at its registration"
        for name, part in share.items()
        if part < LEAST_COVER
    }
