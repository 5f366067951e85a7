from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bids_app
from bids_app import __version__, cli, errors, log, resources
from bids_app.config import RunConfig
from bids_app.files.whole import check_folder
from bids_app.layout.check import check_dataset, choose_labels, labels

Run = Callable[..., RunConfig]


@pytest.fixture(autouse=True)
def _logger_as_before() -> Iterator[None]:
    app = logging.getLogger("bids_app")
    before = app.handlers[:], app.level, app.propagate
    yield
    app.handlers[:], app.propagate = before[0], before[2]
    app.setLevel(before[1])


@pytest.fixture
def bids_dir(tmp_path: Path) -> Path:
    """Make a dataset of two participants without data."""
    folder = tmp_path / "data"
    for label in ("01", "02"):
        (folder / f"sub-{label}").mkdir(parents=True)
    (folder / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    return folder


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for the pipeline: keep the record that it is given, and do nothing."""
    found = SimpleNamespace(given=[], code=0)

    def run(config: RunConfig) -> int:
        found.given.append(config)
        return int(found.code)

    found.run = run
    monkeypatch.setitem(sys.modules, "bids_app.pipeline", found)
    monkeypatch.setattr(bids_app, "pipeline", found, raising=False)
    return found


@pytest.fixture
def run(pipeline: SimpleNamespace, bids_dir: Path, tmp_path: Path) -> Run:
    """Run the command on the dataset; give the record that the pipeline got."""

    def parsed(*more: str, level: str = "participant") -> RunConfig:
        assert cli.main([str(bids_dir), str(tmp_path / "out"), level, *more]) == 0
        return pipeline.given[-1]  # type: ignore[no-any-return]  # a list

    return parsed


@pytest.fixture
def refused(
    pipeline: SimpleNamespace, bids_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run the command with something wrong; give what it says."""

    def said(*more: str, code: int = 64) -> str:
        assert cli.main([str(bids_dir), str(tmp_path / "out"), "participant", *more]) == code
        assert not pipeline.given
        printed = capsys.readouterr()
        assert not printed.out
        assert printed.err.startswith("eeg2fmri: error: ")
        return printed.err

    return said


Refused = Callable[..., str]


# ------------------------------------------------------------ exit codes


@pytest.mark.parametrize("code", [0, 1])
def test_the_pipeline_decides_the_exit_code(
    pipeline: SimpleNamespace, bids_dir: Path, tmp_path: Path, code: int
) -> None:
    pipeline.code = code
    assert cli.main([str(bids_dir), str(tmp_path / "out"), "group"]) == code


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.AppError)
    ],
)
def test_an_error_ends_with_its_code_message_and_hint(
    pipeline: SimpleNamespace,
    bids_dir: Path,
    capsys: pytest.CaptureFixture[str],
    kind: type[errors.AppError],
) -> None:
    def fail(_: RunConfig) -> int:
        raise kind("a.nii: is broken", hint="fetch it again")

    pipeline.run = fail
    assert cli.main([str(bids_dir), str(bids_dir.parent / "out"), "group"]) == kind.exit_code
    assert capsys.readouterr().err == ("eeg2fmri: error: a.nii: is broken\n  fetch it again\n")


def test_a_programming_error_is_not_hidden(pipeline: SimpleNamespace, bids_dir: Path) -> None:
    def fail(_: RunConfig) -> int:
        raise ZeroDivisionError("planted")

    pipeline.run = fail
    call = [str(bids_dir), str(bids_dir.parent / "out"), "group"]
    with pytest.raises(ZeroDivisionError, match="planted"):
        cli.main(call)
    (bids_dir.parent / "out").mkdir()
    assert cli.main(call) == 70
    (file,) = (bids_dir.parent / "out" / "log").iterdir()
    assert "Traceback" in file.read_text()


def test_an_interruption_ends_with_130(
    pipeline: SimpleNamespace, bids_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: RunConfig) -> int:
        raise KeyboardInterrupt

    pipeline.run = interrupt
    assert cli.main([str(bids_dir), str(bids_dir.parent / "out"), "group"]) == 130
    assert "the same command goes on from here" in capsys.readouterr().err


def open_dataset(config: RunConfig) -> int:
    """Do what every run begins with."""
    check_dataset(config.bids_dir)
    choose_labels(labels(config.bids_dir), config.participant_labels, config.bids_dir)
    check_folder(config.output_dir)
    return 0


@pytest.mark.parametrize(
    ("break_it", "code", "told"),
    [
        ("no description", 16, "dataset_description.json: cannot be read: No such file"),
        ("bad description", 16, "dataset_description.json: is not JSON"),
        ("no participant", 16, "has no folder sub-<label>"),
        ("no such label", 18, "has no participant 03; it has 01, 02"),
        ("no folder", 66, "no such folder"),
        ("output is a file", 73, "out: cannot be written: "),
        ("nothing", 0, ""),
    ],
)
def test_a_dataset_that_cannot_be_used(
    pipeline: SimpleNamespace,
    bids_dir: Path,
    capsys: pytest.CaptureFixture[str],
    break_it: str,
    code: int,
    told: str,
) -> None:
    pipeline.run = open_dataset
    description, out = bids_dir / "dataset_description.json", bids_dir.parent / "out"
    if break_it == "no description":
        description.unlink()
    elif break_it == "bad description":
        description.write_text("{")
    elif break_it == "no participant":
        for folder in bids_dir.glob("sub-*"):
            folder.rmdir()
    elif break_it == "no folder":
        bids_dir.rename(bids_dir.with_name("elsewhere"))
    elif break_it == "output is a file":
        out.touch()
    labelled = ["--participant-label", "03"] if break_it == "no such label" else []
    assert cli.main([str(bids_dir), str(out), "participant", *labelled]) == code
    assert told in capsys.readouterr().err


def test_an_unknown_level_ends_with_17(
    pipeline: SimpleNamespace, bids_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([str(bids_dir), "out", "session"]) == 17
    told = capsys.readouterr().err
    assert "there is no analysis level 'session'" in told
    assert "use one of: participant, group" in told
    assert not pipeline.given


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing argument 'BIDS_DIR'"),
        (["data", "out"], "Missing argument '{participant,group}'"),
        (["data", "out", "participant", "more"], "unexpected extra argument (more)"),
    ],
)
def test_a_wrong_number_of_arguments_ends_with_64(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 64
    said = capsys.readouterr().err
    assert told in said
    assert "[OPTIONS] BIDS_DIR OUTPUT_DIR {participant,group}" in said


def test_a_misspelt_option_is_told_with_the_nearest(refused: Refused) -> None:
    said = refused("--participent-label", "01")
    assert "--participent-label" in said
    assert "Did you mean" in said
    assert "--participant-label" in said


def test_help_and_version_end_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    told = capsys.readouterr().out
    assert "--participant_label" in told
    assert "ridge" in told
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"eeg2fmri {__version__}\n"


# ------------------------------------------------------------ labels


@pytest.mark.parametrize(
    "arguments",
    [
        ["--participant-label", "01", "02"],
        ["--participant_label", "01", "02"],
        ["--participant_label", "sub-01", "sub-02"],
        ["--participant_label", "01", "--participant_label", "02"],
        ["--participant_label", "01", "02", "01", "sub-01"],
        ["--participant_label=01", "--participant_label", "02"],
        ["--participant_label", "01", "02", "--sloppy"],
        ["--sloppy", "--participant_label", "01", "02", "-v"],
    ],
)
def test_labels_are_a_list(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).participant_labels == ("01", "02")


def test_labels_may_come_first(pipeline: SimpleNamespace, bids_dir: Path, tmp_path: Path) -> None:
    end = [str(bids_dir), str(tmp_path / "out"), "participant"]
    assert cli.main(["--participant_label", "sub-01", "02", *end]) == 0
    assert cli.main(["--participant_label", "01", "-w", str(tmp_path / "w"), *end]) == 0
    assert [config.participant_labels for config in pipeline.given] == [("01", "02"), ("01",)]
    assert pipeline.given[1].work_dir == tmp_path / "w"
    assert pipeline.given[0].level == "participant"


@pytest.mark.parametrize(
    ("option", "field", "prefix"),
    [
        ("--session-label", "session_labels", "ses"),
        ("--session-id", "session_labels", "ses"),
        ("--task-id", "task_ids", "task"),
        ("--task", "task_ids", "task"),
        ("-t", "task_ids", "task"),
        ("--run", "runs", "run"),
        ("--run-id", "runs", "run"),
    ],
)
def test_every_list_takes_labels_with_and_without_their_prefix(
    run: Run, option: str, field: str, prefix: str
) -> None:
    for words in (["1", "b2"], [f"{prefix}-1", f"{prefix}-b2"]):
        assert getattr(run(option, *words, "--sloppy"), field) == ("1", "b2")


@pytest.mark.parametrize("label", ["01–03", "0_1", "sub-sub-01", "é", "a/b"])
def test_what_is_no_label_is_refused(refused: Refused, label: str) -> None:
    said = refused("--participant-label", label)
    assert f"{label.removeprefix('sub-')!r} is not a label; expected letters and digits" in said


def test_a_pasted_dash_is_refused(refused: Refused) -> None:
    said = refused("–participant_label", "01")
    assert "–participant_label 01" in said


def test_an_option_without_labels_is_refused(refused: Refused) -> None:
    assert "--participant-label" in refused("--participant-label", "--sloppy")


# ------------------------------------------------------------ values


def test_the_defaults_are_those_of_the_record(run: Run, bids_dir: Path, tmp_path: Path) -> None:
    config = run()
    plain = RunConfig(bids_dir, tmp_path / "out", tmp_path / "out" / "work", "participant")
    for name in ("window_s", "resolution_mm", "architectures", "device", "random_seed", "filters"):
        assert getattr(config, name) == getattr(plain, name)
    assert (config.bids_dir, config.output_dir) == (plain.bids_dir, plain.output_dir)
    assert config.work_dir == plain.work_dir
    assert config.n_procs == resources.processors()


def test_folders_become_absolute(
    pipeline: SimpleNamespace, bids_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bids_dir.parent)
    assert cli.main(["data", "out", "group", "-w", "scratch"]) == 0
    assert pipeline.given[0].bids_dir == bids_dir
    assert pipeline.given[0].work_dir == bids_dir.parent / "scratch"


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [
        ("4000", 4000),
        ("4G", 4096),
        ("4gb", 4096),
        ("1.5G", 1536),
        ("500M", 500),
        ("1T", 2**20),
        ("2048K", 2),
    ],
)
def test_memory_takes_units(run: Run, text: str, megabytes: int) -> None:
    assert run("--mem-mb", text).mem_mb == megabytes
    assert run("--mem", text).mem_mb == megabytes


@pytest.mark.parametrize("text", ["much", "", "G", "nan", "inf", "-4G", "0"])
def test_memory_that_is_none_is_refused(refused: Refused, text: str) -> None:
    assert f"{text!r}; expected megabytes, or a number with K, M, G or T" in refused(
        "--mem-mb", text
    )


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [
        ("--window", "0.5", "1"),
        ("--window", "nan", "1"),
        ("--window", "inf", "1"),
        ("--window-lag", "-1", "0"),
        ("--smoothing-fwhm", "-0.1", "0"),
        ("--resolution", "0.9", "1"),
    ],
)
def test_values_out_of_range_are_refused(
    refused: Refused, option: str, value: str, least: str
) -> None:
    assert f"{option} is {value}; expected {least} or more" in refused(option, value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--n-procs", "0"], "0 is not in the range x>=1"),
        (["--random-seed", "-1"], "-1 is not in the range x>=0"),
        (["--window", "long"], "'long' is not a valid float"),
        (["-d", "fmriprep"], "'fmriprep'; expected NAME=PATH"),
        (["-d", "=x"], "'=x'; expected NAME=PATH"),
        (["--architecture", "rigde"], "did you mean 'ridge'?"),
        (["--output-spaces", "MNI152/NLin6"], "MNI152/NLin6: expected one template, func and T1w"),
        (["--output-spaces", "MNI152Lin", "OASIS"], "OASIS: expected one template, func and T1w"),
        (["--output-spaces", "MNI152NLin2009aSym:res-x"], "'res-x'; expected res-MM"),
        (["--output-spaces", "MNI152NLin2009aSym:res-²"], "'res-²'; expected res-MM"),
        (["--output-spaces", "MNI152NLin2009aSym:den-3"], "'den-3'; expected res-MM"),
    ],
)
def test_values_that_cannot_be_used_are_refused(
    refused: Refused, arguments: list[str], told: str
) -> None:
    assert told in refused(*arguments)


def test_a_template_that_is_not_here_is_refused_where_it_is_needed(
    refused: Refused, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    asked = ("--output-spaces", "MNI152Lin:res-2")
    assert "tpl-MNI152Lin: no such folder" in refused(*asked, code=66)
    # fMRIPrep brings its own, and the group level reads what is there.
    fmriprep = (("-d", f"fmriprep={tmp_path}"), ("--fmri-engine", "fmriprep"))
    for more in (*fmriprep, ("--reports-only",)):
        config = run(*asked, *more)
        assert (config.template, config.resolution_mm) == ("MNI152Lin", 2.0)
    assert run(*asked, level="group").template == "MNI152Lin"


def test_the_output_space_holds_the_resolution(run: Run) -> None:
    assert run("--output-spaces", "MNI152NLin2009aSym:res-2.5").resolution_mm == 2.5
    assert run("--output-spaces", "MNI152NLin2009aSym").resolution_mm == 3.0


@pytest.mark.parametrize(
    "words",
    [
        ["--output-spaces", "MNI152NLin2009aSym:res-2", "T1w", "func"],
        ["--output-spaces", "T1w func MNI152NLin2009aSym:res-2"],
        ["--output-spaces", "func", "T1w", "--resolution", "2"],
    ],
)
def test_native_spaces_come_beside_the_template(run: Run, words: list[str]) -> None:
    config = run(*words)
    assert (config.extra_spaces, config.resolution_mm) == (("func", "T1w"), 2.0)
    assert run().extra_spaces == ()


def test_derivatives_must_be_there_and_be_known(
    run: Run, refused: Refused, tmp_path: Path
) -> None:
    missing = refused("-d", f"fmriprep={tmp_path / 'none'}", code=66)
    assert f"-d fmriprep={tmp_path / 'none'}: no such folder" in missing
    unknown = refused("-d", f"xcpd={tmp_path}")
    assert "-d xcpd: only fmriprep derivatives can be reused" in unknown
    assert run("-d", f"fmriprep={tmp_path}").derivatives == {"fmriprep": tmp_path}


def test_a_model_must_be_there(run: Run, refused: Refused, tmp_path: Path) -> None:
    said = refused("--model", str(tmp_path / "none"), code=66)
    assert f"--model {tmp_path / 'none'}: no such folder" in said
    assert "give the folder that holds bundle.json" in said
    assert run("--model", str(tmp_path)).model == tmp_path


def test_every_spelling_of_a_switch_is_accepted(run: Run) -> None:
    for name, (spellings, _) in cli.SWITCHES.items():
        for spelling in spellings:
            config = run(spelling)
            assert name == "notrack" or getattr(config, name) is True


@pytest.mark.parametrize(
    ("arguments", "level"), [(["-q"], 0), ([], 1), (["-v"], 2), (["-vv"], 2), (["-q", "-v"], 0)]
)
def test_verbosity_is_set(run: Run, arguments: list[str], level: int) -> None:
    run(*arguments)
    assert log.verbosity() == level


# ------------------------------------------------------------ folders


def test_the_input_is_never_the_output(
    pipeline: SimpleNamespace, bids_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for same in (bids_dir, bids_dir / "sub-01" / ".."):
        assert cli.main([str(bids_dir), str(same), "participant"]) == 64
        said = capsys.readouterr().err
        assert f"output_dir is bids_dir: {same}" in said
        assert f"use {bids_dir}/derivatives/eeg2fmri" in said
    assert not pipeline.given


def test_a_link_to_the_input_is_the_input(
    pipeline: SimpleNamespace, bids_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = bids_dir.parent / "link"
    link.symlink_to(bids_dir)
    assert cli.main([str(bids_dir), str(link), "participant"]) == 64
    assert f"output_dir is bids_dir: {link}" in capsys.readouterr().err
    assert not pipeline.given


def test_nothing_is_written_into_the_input(
    pipeline: SimpleNamespace, bids_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = str(bids_dir.parent / "out")
    for name, arguments in (
        ("output_dir", [str(bids_dir / "sub-01" / "out"), "participant"]),
        ("work_dir", [outside, "participant", "-w", str(bids_dir / "work")]),
    ):
        assert cli.main([str(bids_dir), *arguments]) == 64
        said = capsys.readouterr().err
        assert f"{name} lies in bids_dir: {bids_dir}" in said
        assert "choose a folder outside the dataset, or below its derivatives" in said
    assert not pipeline.given


def test_derivatives_of_the_input_are_allowed(pipeline: SimpleNamespace, bids_dir: Path) -> None:
    out = bids_dir / "derivatives" / "eeg2fmri"
    assert cli.main([str(bids_dir), str(out), "participant"]) == 0
    assert pipeline.given[0].work_dir == out / "work"


def test_an_output_around_the_input_is_refused(
    pipeline: SimpleNamespace, bids_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([str(bids_dir), str(bids_dir.parent), "participant"]) == 64
    said = capsys.readouterr().err
    assert f"bids_dir lies in output_dir: {bids_dir}" in said
    assert "choose another output folder" in said
    assert not pipeline.given


# ------------------------------------------------------------ files


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_command_line_wins_over_the_config_file(run: Run, tmp_path: Path) -> None:
    path = write(
        tmp_path / "c.toml",
        """
        [run]
        participant_labels = ["sub-01", "02"]
        window_s = 20
        smoothing-fwhm-mm = 5.0
        mem_mb = "2G"
        overwrite = true
        output_spaces = "MNI152NLin2009aSym:res-4"
        [eeg.band]
        low_hz = 1.0
        """,
    )
    config = run("--config-file", path)
    assert config.participant_labels == ("01", "02")
    assert (config.window_s, config.smoothing_fwhm_mm, config.mem_mb) == (20.0, 5.0, 2048)
    assert config.overwrite
    assert config.resolution_mm == 4.0
    assert config.tables == {"eeg": {"band": {"low_hz": 1.0}}}
    told = ["--window", "10", "--participant-label", "03", "--smoothing-fwhm", "0"]
    config = run("--config-file", path, *told)
    assert (config.window_s, config.smoothing_fwhm_mm) == (10.0, 0.0)
    assert config.participant_labels == ("03",)


@pytest.mark.parametrize(
    ("in_file", "told", "expected"),
    [
        ("resolution_mm = 4.0", ["--output-spaces", "MNI152NLin2009aSym:res-2"], 2.0),
        ('output_spaces = "MNI152NLin2009aSym:res-2"', ["--resolution", "4"], 4.0),
    ],
)
def test_the_command_line_wins_however_the_resolution_is_said(
    run: Run, tmp_path: Path, in_file: str, told: list[str], expected: float
) -> None:
    path = write(tmp_path / "c.toml", f"[run]\n{in_file}\n")
    assert run("--config-file", path, *told).resolution_mm == expected


def test_one_label_in_the_config_file_needs_no_list(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", '[run]\ntask_ids = "rest"\n')
    assert run("--config-file", path).task_ids == ("rest",)


def test_derivatives_in_the_config_file_are_a_table(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", f'[run.derivatives]\nfmriprep = "{tmp_path}"\n')
    assert run("--config-file", path).derivatives == {"fmriprep": tmp_path}


def test_the_config_file_may_name_the_filter_file(run: Run, tmp_path: Path) -> None:
    filters = write(tmp_path / "f.json", '{"bold": {"task": "rest"}}')
    path = write(tmp_path / "c.toml", f'[run]\nbids_filter_file = "{filters}"\n')
    assert run("--config-file", path).filters == {"bold": {"task": "rest"}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("run = 3", "config file: run is 3; expected a table [run]"),
        ("[run]\nwindow = 3", "[run] has no setting 'window'\n  did you mean 'window_s'?"),
        ("[run]\nzzz = 3", "[run] has no setting 'zzz'\n  known: architectures, atlas"),
        ('[run]\nbids_dir = "x"', "[run] has no setting 'bids_dir'"),
        ("[run]\nverbose = 2", "[run] has no setting 'verbose'"),
        ("[run]\nquiet = true", "[run] has no setting 'quiet'"),
        ("[run]\nhelp = true", "[run] has no setting 'help'"),
        ("[run]\nversion = true", "[run] has no setting 'version'"),
        ("[run]\nnotrack = true", "[run] has no setting 'notrack'"),
        ('[run]\nconfig_file = "x"', "[run] has no setting 'config_file'"),
        ("[run]\nn_procs = 0", "[run] n_procs is 0: 0 is not in the range x>=1"),
        ('[run]\nwindow_s = "long"', "'long' is not a valid float"),
        ('[run]\narchitectures = "ridge"', "[run] architectures is 'ridge': "),
        ('[run]\ntask_ids = ["re_st"]', "'re_st' is not a label"),
        ("[run]\ntask_ids = 1", "config file: [run] task_ids is 1: "),
        ("[run.window_s]\na = 1", "config file: [run] window_s is {'a': 1}: "),
        ("[run.task_ids]\na_b = 1", "[run] task_ids is {'a_b': 1}: 'a_b' is not a label"),
        ('[run]\nderivatives = ["fmriprep"]', "'fmriprep'; expected NAME=PATH"),
        ("[run.derivatives]\nfmriprep = 3", "[run] derivatives is {'fmriprep': 3}: "),
    ],
)
def test_a_config_file_that_cannot_be_used_is_refused(
    refused: Refused, tmp_path: Path, text: str, told: str
) -> None:
    assert told in refused("--config-file", write(tmp_path / "c.toml", text))


def test_files_that_are_not_there_end_with_66(refused: Refused, tmp_path: Path) -> None:
    none = tmp_path / "none"
    for option in ("--config-file", "--bids-filter-file"):
        said = refused(option, str(none), code=66)
        assert f"{none}: cannot be read: No such file" in said


def test_filters_are_taken_as_written(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filters: dict[str, Any] = {
        "bold": {"task": "rest", "run": None, "acquisition": "*"},
        "eeg": {"session": ["1", "2"]},
        "t1w": {},
        "flair": {"acquisition": "x"},
    }
    path = write(tmp_path / "f.json", "\ufeff" + json.dumps(filters))
    assert run("--bids-filter-file", path).filters == filters
    assert f"{path}: the query 'flair' is not used here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not JSON: "),
        ("[" * 100_000, "is not JSON: "),
        ("[]", 'expected an object of queries, such as {"bold": {"task": "rest"}}'),
        ('{"bold": "rest"}', "expected an object of queries"),
    ],
)
def test_filters_that_cannot_be_used_are_refused(
    refused: Refused, tmp_path: Path, text: str, told: str
) -> None:
    path = write(tmp_path / "f.json", text)
    assert f"{path}: {told}" in refused("--bids-filter-file", path)


# ------------------------------------------------------------ fMRI engines


def test_options_of_fmri_arrive(run: Run, tmp_path: Path) -> None:
    (tmp_path / "license.txt").touch()
    config = run(
        *("--fmri-engine", "fmriprep", "--fs-license-file", str(tmp_path / "license.txt")),
        *("--fmriprep-options", "--fs-no-reconall --level minimal", "--dummy-scans", "0"),
        *("--slice-order", "interleaved:mb-2", "--preproc-only"),
    )
    assert (config.fmri_engine, config.fs_license_file) == ("fmriprep", tmp_path / "license.txt")
    assert config.fmriprep_options == "--fs-no-reconall --level minimal"
    assert (config.dummy_scans, config.slice_order) == (0, "interleaved:mb-2")
    assert config.preproc_only
    config = run()
    assert (config.fmri_engine, config.dummy_scans, config.preproc_only) == ("auto", None, False)


@pytest.mark.parametrize("engine", ["builtin", "fmriprep"])
def test_an_engine_and_its_output_are_one_too_many(
    refused: Refused, tmp_path: Path, engine: str
) -> None:
    said = refused("--fmri-engine", engine, "-d", f"fmriprep={tmp_path}")
    assert f"--fmri-engine {engine} with -d fmriprep: either run an engine" in said
    assert "leave one of the two out" in said


def test_a_licence_must_be_there(refused: Refused, tmp_path: Path) -> None:
    said = refused("--fs-license-file", str(tmp_path / "none"), code=66)
    assert f"--fs-license-file {tmp_path / 'none'}: no such file" in said


def test_preprocessing_only_applies_no_model(refused: Refused, tmp_path: Path) -> None:
    said = refused("--preproc-only", "--model", str(tmp_path))
    assert "--preproc-only with --model: nothing is predicted" in said


def test_calibration_needs_a_model_of_other_people(refused: Refused) -> None:
    said = refused("--calibrate-runs", "1")
    assert "--calibrate-runs at the participant level without --model: there is no model" in said
    assert "give a trained bundle with --model, or use the group level" in said


def test_models_of_the_paper_are_not_calibrated(refused: Refused, tmp_path: Path) -> None:
    asked = ("--calibrate-runs", "1", "--experiment", "paper", "--model", str(tmp_path))
    said = refused(*asked)
    assert "--calibrate-runs with --experiment paper: its models are not calibrated" in said


def test_denoising_is_one_of_some(run: Run, refused: Refused) -> None:
    assert "'sample' is not one of 'none', 'motion', 'simple'" in refused("--denoise", "sample")
    assert run().denoise == "none"
    assert run("--denoise", "simple").denoise == "simple"


def test_a_slice_order_is_known_or_a_file(run: Run, refused: Refused, tmp_path: Path) -> None:
    said = refused("--slice-order", "sideways")
    assert "--slice-order sideways: is no file, and no order; expected none or one of asc" in said
    (tmp_path / "order.txt").touch()
    assert run("--slice-order", str(tmp_path / "order.txt")).slice_order.endswith("order.txt")
    assert run("--slice-order", "none").slice_order == "none"


# ------------------------------------------------------------ where the EEG is, and when it starts


def test_the_second_tree_may_be_given_in_three_places(run: Run, tmp_path: Path) -> None:
    (tmp_path / "eeg").mkdir()
    told = str(tmp_path / "eeg")
    assert run("--eeg-dir", told, "--eeg-variant", "raw").eeg_dir == tmp_path / "eeg"
    for table in ("[eeg]\ndir", "[run]\neeg_dir"):
        path = write(tmp_path / "c.toml", f'{table} = "{told}"\n[eeg.band]\nlow_hz = 1.0\n')
        found = run("--config-file", path)
        assert found.eeg_dir == tmp_path / "eeg"
        assert found.table("eeg", "band") == {"low_hz": 1.0}
    path = write(tmp_path / "c.toml", '[eeg]\nvariant = "noGA"\n')
    found = run("--config-file", path)
    assert (found.eeg_variant, found.tables) == ("noGA", {"eeg": {}})


def test_what_is_no_place_of_the_eeg_is_refused(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    assert f"--eeg-dir {tmp_path}/none: no such folder" in refused(
        "--eeg-dir", f"{tmp_path}/none", code=66
    )
    path = write(tmp_path / "c.toml", "[eeg]\ndir = 3\n")
    assert "[eeg] dir is 3; expected text" in refused("--config-file", path)


def test_the_start_is_a_number_of_seconds(refused: Callable[..., str]) -> None:
    assert "--eeg-start is nan; expected seconds" in refused("--eeg-start", "nan")


def test_the_start_may_lie_before_the_recording(run: Run) -> None:
    assert run("--eeg-start", "-2.5").eeg_start_s == -2.5
    assert run("--dry-run", "--dry-run-format", "json").dry_run_format == "json"


def test_inputs_are_told_relative_to_what_was_given(
    run: Run, bids_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "eeg").mkdir()
    config = run("--eeg-dir", str(tmp_path / "eeg"))
    assert config.told(bids_dir / "sub-01" / "a") == "sub-01/a"
    assert config.told(tmp_path / "eeg" / "sub001" / "b.mat") == "sub001/b.mat"
    assert config.told(Path("/elsewhere/c")) == "c"
