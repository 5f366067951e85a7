"""Which labels of EEG and BOLD belong together: the same ones, then those that can mean one thing only."""

from __future__ import annotations

from collections.abc import Collection

Key = tuple[tuple[str, str], ...]
Joined = tuple[Key | None, Key | None, str]

SAME = "same entities"
EEG_ALONE, BOLD_ALONE = "EEG without BOLD", "BOLD without EEG"
# what people add to the name of a task when the scanner runs
SCANNER_ON = ("on", "mri", "fmri", "mr", "eegfmri", "scan", "scanner", "scanneron", "inside")


def join(bold: Collection[Key], eeg: Collection[Key]) -> list[Joined]:
    """Match labels.

    Labels that differ are joined only where each has no other partner: a run, a session or a task that one side does
    not name, or a task that one side names with a word for the scanner being on.

    Parameters
    ----------
    bold, eeg : collection of tuple
        Labels of each file: participant, session, task and run.

    Returns
    -------
    list of (tuple or None, tuple or None, str)
        Labels of BOLD, labels of EEG, and the rule that joined them.
    """
    joined: list[Joined] = [(key, key, SAME) for key in bold if key in eeg]
    ours = [key for key in bold if key not in eeg]
    theirs = [key for key in eeg if key not in bold]
    partners = {one: [other for other in theirs if _rule(one, other)] for one in ours}
    for one, found in partners.items():
        if len(found) == 1 and sum(found[0] in others for others in partners.values()) == 1:
            joined.append((one, found[0], _rule(one, found[0])))
    taken = {key for pair in joined for key in pair[:2]}
    joined += [(key, None, BOLD_ALONE) for key in ours if key not in taken]
    joined += [(None, key, EEG_ALONE) for key in theirs if key not in taken]
    return joined


def _rule(bold: Key, eeg: Key) -> str:
    """Say what makes two labels mean the same; empty when they cannot."""
    one, other = dict(bold), dict(eeg)
    told = []
    for name, word in (("ses", "session"), ("task", "task"), ("run", "run")):
        ours, theirs = one.get(name), other.get(name)
        if ours == theirs:
            continue
        if ours is None or theirs is None:
            side, label = ("EEG", ours) if theirs is None else ("BOLD", theirs)
            told.append(f"{side} does not name its {word} ({label})")
        elif name == "task" and _is_scanner_on(ours.casefold(), theirs.casefold()):
            told.append(f"task {theirs} of EEG is task {ours} of BOLD with the scanner on")
        else:
            return ""
    return f"only partner: {'; '.join(told)}" if told else ""


def _is_scanner_on(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return any(long in {short + word, word + short} for word in SCANNER_ON)
