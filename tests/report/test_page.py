from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bids_app.errors import DataError, MissingInputError, UsageError
from bids_app.report import page

Lay = Callable[[dict[str, Any]], Path]
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """What a page is made of."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def participant(out: Path) -> Reader:
    return Reader(page.participant_page(out, "01").read_text(encoding="utf-8"))


def group(out: Path) -> Reader:
    return Reader(page.group_page(out).read_text(encoding="utf-8"))


@pytest.fixture(params=["participant", "group", "empty participant", "empty group"])
def any_page(
    request: pytest.FixtureRequest,
    record: dict[str, Any],
    group_record: dict[str, Any],
    output: Lay,
) -> Reader:
    """Each kind of page, full and from a record without entries."""
    if "group" in request.param:
        return group(output({"participants": []} if "empty" in request.param else group_record))
    return participant(output({} if "empty" in request.param else record))


def test_a_page_needs_no_other_file_and_no_script(any_page: Reader) -> None:
    assert not any_page.all("script", "link", "iframe", "object", "video", "audio")
    assert all((image["src"] or "").startswith("data:image/png;") for image in any_page.all("img"))
    policy = [tag["content"] for tag in any_page.all("meta") if "http-equiv" in tag]
    assert policy[0]
    assert policy[0].startswith("default-src 'none'; img-src data:;")
    style = (page.TEMPLATES / "style.css").read_text()
    assert "url(" not in style
    assert "@import" not in style


def test_a_page_can_be_used_by_keyboard_and_screen_reader(any_page: Reader) -> None:
    assert any_page.open == []
    assert any_page.all("html")[0]["lang"] == "en"
    assert len(any_page.all("h1")) == len(any_page.all("main")) == len(any_page.all("nav")) == 1
    levels = [int(tag[1]) for tag, _ in any_page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(image["alt"] for image in any_page.all("img"))
    assert all(cell["scope"] in {"row", "col"} for cell in any_page.all("th"))
    assert len(any_page.all("table")) == len(any_page.all("caption"))
    regions = [tag for tag in any_page.all("div") if tag.get("role") == "region"]
    assert len(regions) == len(any_page.all("table"))
    assert all(tag["aria-label"] and tag["tabindex"] == "0" for tag in regions)


def test_every_link_within_a_page_leads_somewhere(any_page: Reader) -> None:
    ids = [attributes["id"] for _, attributes in any_page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [link["href"] or "" for link in any_page.all("a")]
    assert "#content" in targets
    assert {target[1:] for target in targets if target.startswith("#")} <= set(ids)
    labels = [tag["aria-labelledby"] for _, tag in any_page.tags if "aria-labelledby" in tag]
    assert set(labels) <= set(ids)


def test_a_page_warns_that_it_is_not_for_diagnosis(any_page: Reader) -> None:
    assert "Not for diagnosis." in any_page.text


def test_a_participant_page_tells_what_the_record_says(
    record: dict[str, Any], output: Lay
) -> None:
    found = participant(output(record)).text
    for said in (
        "eeg2fmri 1.2.3 report",
        "2025-11-03 10:02:11+00:00 to 2025-11-03 10:09:45+00:00",
        "No relation is shown.",
        "Runs done 1 of 2",
        "Volumes synthesized 155",
        "Volumes without prediction 15",
        "run-2 : no markers What to do: name the marker",
        "R128 recording 170 of 170 4.250 to 342.250 4.250 +7.7 0.29",
        "sub-01_task-x_eeg.vhdr no BOLD",
        "34 channels at 250 Hz",
        "As recorded: gradient and pulse artefacts. After cleaning: pulse residue.",
        "slice harmonics +36.8 dB",
        "not removed",
        "slice times unknown Fp1 was flat",
        "ridge run mean r circular shifts +0.050 0.0004 9999",
        "0 errors and 3 warnings",
        "KEY_RECOMMENDED 3",
        "eeg.band.high_hz 70.0",
        "standard deviation of 0.08 or more",
        "Figure “Gone” cannot be shown. sub-01/figures/gone.png: No such file or directory",
    ):
        assert said in found, said


def test_a_figure_is_carried_inside(record: dict[str, Any], output: Lay) -> None:
    out = output(record)
    (image,) = participant(out).all("img")
    carried = base64.b64decode((image["src"] or "").split(",")[1])
    assert carried == (out / "sub-01" / "figures" / "a.png").read_bytes()
    assert (image["alt"], image["width"], image["height"]) == ("Alt.", "30", "20")


def test_two_pictures_take_turns_on_screen_and_stand_below_each_other_in_print(
    record: dict[str, Any], output: Lay
) -> None:
    record["runs"][0]["figures"][0]["second"] = "sub-01/figures/b.png"
    out = output(record)
    content = (out / "sub-01" / "figures" / "a.png").read_bytes()
    (out / "sub-01" / "figures" / "b.png").write_bytes(content + b"more")
    first, second = participant(out).all("img")
    assert second["alt"] == ""  # the first tells what both show
    assert base64.b64decode((second["src"] or "").split(",")[1]) == content + b"more"
    page = (out / "sub-01.html").read_text()
    assert page.index('<div class="flicker" tabindex="0">') < page.index(first["src"] or "")
    still = ".flicker img + img { position: static; animation: none;"
    for rule in ("@media print", "@media (prefers-reduced-motion: reduce)"):
        assert still in page[page.index(rule) :].partition("\n}")[0]


def test_a_group_page_names_who_failed_and_links_pages(
    group_record: dict[str, Any], record: dict[str, Any], output: Lay
) -> None:
    output(record)
    out = output(group_record)
    page.participant_page(out, "01")
    found = group(out)
    assert "Participants used 2 of 3" in found.text
    assert "sub-03 failed no pairs" in found.text
    links = [link["href"] for link in found.all("a")]
    assert "sub-01.html" in links
    assert "sub-02.html" not in links
    assert "mean +0.200" in found.text
    assert "models/ridge" in found.text


def test_text_of_a_record_cannot_become_markup(record: dict[str, Any], output: Lay) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=y>\"'"

    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: poisoned(item) for key, item in value.items()}
        if isinstance(value, list):
            return [poisoned(item) for item in value]
        return hostile if isinstance(value, str) else value

    found = participant(output(poisoned(record)))
    assert not found.all("script")
    assert not found.all("img")
    assert "<script>alert(1)</script>" in found.text


def test_scores_on_training_data_are_left_out_and_counted(
    record: dict[str, Any], output: Lay
) -> None:
    leaked = {"name": "r_mean", "value": 0.987, "unit": "", "row": "ridge", "on": "sub-01"}
    record["scores"].append(leaked | {"split": "insample"})
    found = participant(output(record)).text
    assert "0.987" not in found
    assert "Left out: 1." in found


def test_the_mean_of_a_group_of_one_is_not_told_twice(record: dict[str, Any], output: Lay) -> None:
    of_group = {"name": "r_mean", "value": 0.987, "unit": "", "row": "ridge", "on": "group"}
    before = participant(output(record)).text
    record["scores"].append(of_group | {"split": "run"})
    assert participant(output(record)).text == before


def test_a_clock_without_markers_says_who_knows_it(record: dict[str, Any], output: Lay) -> None:
    clock = record["pairings"][0]["clock"]
    clock |= {"marker": "", "source": "ds000116", "n_found": 0, "first_s": None, "last_s": None}
    found = participant(output(record)).text
    assert "n/a ds000116 0 of 170 n/a 4.250" in found
    assert "known from elsewhere (ds000116)" in found


def test_a_clock_that_lacks_markers_is_marked(record: dict[str, Any], output: Lay) -> None:
    assert "differs" not in participant(output(record)).text
    record["pairings"][0]["clock"]["n_found"] = 169
    assert "169 of 170 differs" in participant(output(record)).text


def test_the_same_record_gives_the_same_page(record: dict[str, Any], output: Lay) -> None:
    out = output(record)
    first = page.participant_page(out, "sub-01").read_bytes()
    assert page.participant_page(out, "01").read_bytes() == first
    assert sorted(path.name for path in out.iterdir()) == ["sub-01", "sub-01.html"]


def test_a_record_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"sub-07/log/record\.json: there is no") as caught:
        page.participant_page(tmp_path, "07")
    assert caught.value.hint == "run the participant level on this output folder first"
    with pytest.raises(MissingInputError, match=r"log/group\.json: there is no") as caught:
        page.group_page(tmp_path)
    assert "group level" in caught.value.hint


def test_half_a_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "group.json").write_text('{"participants": [')
    with pytest.raises(DataError, match=r"group\.json: is not JSON"):
        page.group_page(tmp_path)


@pytest.mark.parametrize("label", ["", "../01", "a b", "01_x"])
def test_a_label_that_is_none_is_refused(label: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(f"participant label {label!r}")):
        page.participant_page(tmp_path, label)


INNER_KEYS = """
run name value row on split clock rate n_found figures path eeg rate_hz bold status n_samples tests p codes errors
notes engine label window_s
""".split()  # noqa: SIM905 (thirty quoted words are harder to read)
OUTER_KEYS = """
version command started finished verdict settings notes pairings unpaired anatomy runs scores errors validator tests
participants models figures bundles
""".split()  # noqa: SIM905 (see above)
PLAIN = ["", "done", "builtin", "r_mean", "sub-01", "\ud800", float("nan"), float("inf")]
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats(-1e9, 1e9)
    | st.sampled_from(PLAIN)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(INNER_KEYS), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(OUTER_KEYS), ODD, max_size=8))
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_an_odd_record_leaves_gaps_but_gives_a_page(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    for name in ("log/group.json", "sub-01/log/record.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    assert participant(tmp_path).open == []
    assert group(tmp_path).open == []


def luminance(colour: str) -> float:
    """Relative luminance, as the Web Content Accessibility Guidelines define it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return float(sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))


@pytest.mark.parametrize(
    ("front", "behind"),
    [
        ("ink", "paper"),
        ("ink", "wash"),
        ("soft", "paper"),
        ("soft", "wash"),
        ("accent", "paper"),
        ("ink", "bad-wash"),
        ("bad", "bad-wash"),
        ("good", "good-wash"),
        ("care", "care-wash"),
    ],
)
def test_text_stands_out_from_its_ground(front: str, behind: str) -> None:
    style = (page.TEMPLATES / "style.css").read_text()
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", style))
    light, dark = sorted((luminance(colours[front]), luminance(colours[behind])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
