"""One call of the app: what is to be done, and how it ended.

The data path itself is in :mod:`bids_app.pipeline.story`. It is imported when there is work for it: its libraries take
longer to load than a call takes that finds everything done.
"""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import Any

from bids_app.config import RunConfig
from bids_app.derivatives.describe import describe
from bids_app.errors import InvalidDatasetError, MissingInputError, NoMatchError
from bids_app.files.whole import check_folder, sweep
from bids_app.layout.check import check_dataset, choose_labels, labels, validate
from bids_app.pipeline import fmriprep, pool
from bids_app.pipeline.failure import Failure, exit_code
from bids_app.pipeline.finished import Finished

logger = logging.getLogger(__name__)


def run(config: RunConfig) -> int:
    """Do what was asked.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    AppError
        When nothing can be done at all.
    """
    # Torch wants a folder for what it compiles; in a read-only container there is no other.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(config.work_dir / "torch"))
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return _run(config)
    from bids_app.learn import distributed
    from bids_app.learn.train import help_fit

    with distributed.joined(help_fit, config.device) as first:
        # The others train with the first, model by model, and do nothing else.
        return _run(config) if first else 0


def _run(config: RunConfig) -> int:
    return _run_participants(config) if config.level == "participant" else _run_group(config)


def _run_participants(config: RunConfig) -> int:
    description = check_dataset(config.bids_dir)
    chosen = choose_labels(labels(config.bids_dir), config.participant_labels, config.bids_dir)
    if config.dry_run:
        from bids_app.pipeline import plan

        return plan.show(config, chosen)
    check_folder(config.output_dir)
    check_folder(config.work_dir)
    if config.reports_only:
        return _pages(config, chosen)
    config = fmriprep.engaged(config)
    links = {"raw": config.bids_dir, **config.derivatives}
    if config.eeg_dir is not None:
        links["eeg"] = config.eeg_dir
    describe(config.output_dir, links, description, dict(os.environ))
    finished = Finished(config)
    before = {label: finished.n_done(label) for label in chosen}
    waiting = tuple(label for label in chosen if before[label] is None)
    n_done, failures = sum(found or 0 for found in before.values()), list[Failure]()
    validation, participant_mb = _prepared(config, waiting) if waiting else (None, 0)
    fmriprep.ensure(config, waiting)
    work = partial(_participant, validation)
    for label, (n_runs, failed) in pool.each(waiting, work, config, participant_mb):
        n_done += n_runs
        failures += failed
        logger.info("sub-%s: %d runs done, %d problems", label, n_runs, len(failed))
        if not failed:
            finished.keep(label, n_runs)
        elif config.stop_on_first_crash:
            break
    return _end(n_done, failures, config)


def _participant(
    validation: dict[str, Any] | None, label: str, config: RunConfig
) -> tuple[int, list[Failure]]:
    from bids_app.pipeline.story import participant

    return participant(label, config, validation)


def _prepared(config: RunConfig, chosen: tuple[str, ...]) -> tuple[dict[str, Any] | None, int]:
    """Clear away what killed jobs left, and see that there is room; validate the dataset."""
    from bids_app.pipeline import needs

    for folder in (config.work_dir, *(config.output_dir / f"sub-{label}" for label in chosen)):
        sweep(folder)
    return _validated(config, chosen), needs.check(chosen, config)


def _validated(config: RunConfig, chosen: tuple[str, ...]) -> dict[str, Any] | None:
    validation = None if config.skip_bids_validation else validate(config.bids_dir, chosen)
    if config.strict_bids and validation and validation["errors"]:
        raise InvalidDatasetError(
            f"{config.bids_dir}: the BIDS validator finds {validation['errors']} errors: "
            f"{', '.join(validation['codes'])}",
            hint="correct them, or leave --strict-bids out",
        )
    return validation


def _run_group(config: RunConfig) -> int:
    from bids_app.derivatives import reuse
    from bids_app.pipeline.story import group
    from bids_app.report import page

    if not reuse.participants(config.output_dir):
        raise NoMatchError(
            f"{config.output_dir}: has no participant",
            hint="run the participant level first, with the same output folder",
        )
    check_folder(config.output_dir)
    check_folder(config.work_dir)
    if config.reports_only:
        page.group_page(config.output_dir)
        return 0
    pool.limit_threads(config.n_procs)
    return _end(*group(config), config)


def _pages(config: RunConfig, chosen: tuple[str, ...]) -> int:
    from bids_app.report import page

    lacking = [
        label
        for label in chosen
        if not (config.output_dir / f"sub-{label}/log/record.json").is_file()
    ]
    for label in chosen:
        if label not in lacking:
            page.participant_page(config.output_dir, label)
    if lacking:
        raise MissingInputError(
            f"{config.output_dir}: no record of participant {', '.join(lacking)}",
            hint="run the participant level for them first",
        )
    return 0


def _end(n_done: int, failures: list[Failure], config: RunConfig) -> int:
    for failure in failures:
        logger.error(
            "not done: %s: %s%s",
            failure.what,
            failure.why,
            f" ({failure.hint})" if failure.hint else "",
        )
    logger.info("reports: %s", config.output_dir)
    return exit_code(n_done, failures)
