"""The data path, in order: what one participant goes through, and what the group does."""

from __future__ import annotations

from typing import Any

from bids_app import log
from bids_app.config import RunConfig
from bids_app.derivatives import reuse
from bids_app.errors import MissingInputError
from bids_app.files.lock import locked
from bids_app.layout.check import choose_labels
from bids_app.layout.pair import find
from bids_app.pipeline import runs
from bids_app.pipeline.anatomy import Anatomy
from bids_app.pipeline.apply import apply_bundle
from bids_app.pipeline.bold import Engine
from bids_app.pipeline.experiment import labels_of_paper, run_experiment
from bids_app.pipeline.failure import Failure
from bids_app.pipeline.group import gather, leave_out_each, train_final
from bids_app.pipeline.record import Record
from bids_app.pipeline.within import predict_within
from bids_app.report import page

WAIT_S = -1.0  # for ever: what the other job does takes as long as it takes


def participant(
    label: str, config: RunConfig, validation: dict[str, Any] | None = None
) -> tuple[int, list[Failure]]:
    """Preprocess one participant, and predict its BOLD: with a given model, or within the person.

    One bad run costs neither the other runs nor the other participants.

    Parameters
    ----------
    label : str
        Without ``sub-``.
    config : RunConfig
        The call.
    validation : dict, optional
        What the BIDS validator said of the dataset, for the report.

    Returns
    -------
    n_done : int
        Runs that came out.
    failures : list of Failure
        What did not.
    """
    record = Record(config, f"sub-{label}")
    record.content["validator"] = validation
    # A second job on the same participant waits, and then finds the work done.
    with locked(record.folder / f"sub-{label}", WAIT_S), log.also_in(record.folder):
        with record.attempt(f"sub-{label}"):
            _participant(label, config, record)
        record.save()
        with record.attempt(f"sub-{label} report"):
            page.participant_page(config.output_dir, label)
    return record.n_done, record.failures


def _participant(label: str, config: RunConfig, record: Record) -> None:
    who = find(config, label)
    record.content |= {"participant": label, "pairings": [], "runs": []}
    record.content["unpaired"] = [
        {"file": config.told(item.file), "reason": item.reason} for item in who.unpaired
    ]
    for note in who.notes:
        record.note(note)
    engine = Engine(config, Anatomy(who, config, record))
    if config.preproc_only and not who.pairings and who.t1w is not None:
        engine.anatomy.ensure()
        record.n_done += 1
        return
    if not who.pairings:
        raise MissingInputError(
            f"sub-{label}: has no BOLD and no EEG that the filters let through",
            hint="see the table of files left out in the report",
        )
    runs.preprocess(engine, record)
    if config.model is not None:
        apply_bundle(label, config, record)
    elif not config.preproc_only:
        predict_within(label, config, record)


def group(config: RunConfig) -> tuple[int, list[Failure]]:
    """Leave each participant out in turn, score, and train the final model.

    Needs the output folder only.

    Returns
    -------
    n_done : int
        Models that came out.
    failures : list of Failure
        What did not.
    """
    record = Record(config, "group")
    # Jobs that train one fold each run side by side.
    name = "group" if config.fold is None else f"group_fold-{config.fold}"
    with locked(record.folder / name, WAIT_S), log.also_in(record.folder):
        chosen = choose_labels(
            reuse.participants(config.output_dir), config.participant_labels, config.output_dir
        )
        with record.attempt("group"):
            if config.experiment:
                chosen = labels_of_paper(chosen, config, record)
                run_experiment(gather(chosen, config, record), config, record)
            else:
                cohort = leave_out_each(chosen, config, record)
                if config.fold is None:
                    train_final(cohort, config, record)
        record.save()
        if config.fold is None:
            with record.attempt("group report"):
                page.group_page(config.output_dir)
    return record.n_done, record.failures
