"""What is raised for an input that gives no signature, by who has to act."""


class ShadegridError(Exception):
    """An input gave no signature; `code` is the word that records carry in `error_code`."""

    code: str = ""


class CorruptError(ShadegridError):
    """The bytes claim to be a picture of this `format` but hold none, or (where asked for) not all of it."""

    code = "corrupt"

    def __init__(self, message: str, format: str = "") -> None:
        super().__init__(message, format)
        self.format = format

    def __str__(self) -> str:
        return str(self.args[0])


class UnsupportedError(ShadegridError):
    """A picture, or a variant of a format, that this build does not read."""

    code = "unsupported"


class LimitError(ShadegridError):
    """`what` was measured (with its unit), its value `actual` is over `limit`, which `parameter` of `Limits` sets.

    `parameter` is `memory` where it is that of `Hasher`, and None where the limit is what the machine has.
    """

    code = "limit"

    def __init__(self, message: str, what: str, actual: int, limit: int, parameter: str | None) -> None:
        super().__init__(message, what, actual, limit, parameter)
        self.what = what
        self.actual = actual
        self.limit = limit
        self.parameter = parameter

    def __str__(self) -> str:
        return str(self.args[0])


class InputError(ShadegridError):
    """The input is not something that can be hashed: empty, not a picture, under 5 pixels a side."""

    code = "input"


class DeviceError(ShadegridError):
    """An accelerator failed."""

    code = "device"


class IoError(ShadegridError, OSError):
    """The system could not read or write; `errno` and `filename` are set where they are known."""

    code = "io"

    def __init__(self, message: str, errno: int | None = None, filename: str | None = None) -> None:
        super().__init__(message, errno, filename)
        self.errno = errno
        self.filename = filename

    def __str__(self) -> str:
        message = str(self.args[0])
        return message if self.filename is None or self.filename in message else f"{message}: {self.filename!r}"
