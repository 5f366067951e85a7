"""The failures a user can act on, each with the exit code that it ends the run with.

The codes are those of the BIDS Apps execution specification: 16 to 18 of its own, 64 to 75 of sysexits.
"""

from __future__ import annotations


class AppError(Exception):
    """A failure the user can act on.

    Parameters
    ----------
    message : str
        Which file, what was found, what was expected.
    hint : str, optional
        What to do.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the hint when the error crosses from a worker process."""
        return (_rebuild, (type(self), str(self), self.hint))


def _rebuild(kind: type[AppError], message: str, hint: str) -> AppError:
    return kind(message, hint=hint)


class InvalidDatasetError(AppError):
    """The input is not a BIDS dataset that can be used."""

    exit_code = 16


class AnalysisLevelError(AppError):
    """An analysis level that does not exist."""

    exit_code = 17


class NoMatchError(AppError):
    """Labels or filters that select nothing."""

    exit_code = 18


class UsageError(AppError):
    """Arguments or settings that cannot be used."""

    exit_code = 64


class DataError(AppError):
    """Input data that are wrong."""

    exit_code = 65


class MissingInputError(AppError):
    """Needed input that is missing or cannot be read."""

    exit_code = 66


class BugError(AppError):
    """A failure of the app itself, told in a crash file."""

    exit_code = 70


class CannotCreateError(AppError):
    """Output that cannot be created."""

    exit_code = 73


class DeviceError(AppError):
    """An input, output or device that failed."""

    exit_code = 74


class TemporaryError(AppError):
    """A failure after which the same command should succeed when run again."""

    exit_code = 75
