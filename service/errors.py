"""The one error tree: a class per remedy, a stable code for programs, a Chinese sentence for people."""


class ServiceError(Exception):
    """Base of every error this service raises; `code` is stable, the message is for people."""

    exit_code = 3

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


class InputError(ServiceError):
    """What was handed in is wrong; correct it and try again."""

    exit_code = 1


class VerificationError(ServiceError):
    """A proof does not hold; the thing checked must not be relied on."""

    exit_code = 1


class NotFoundError(ServiceError):
    """What was named does not exist here."""

    exit_code = 1


class ConflictError(ServiceError):
    """Somebody else was first, or the thing has moved on; read again and decide anew."""

    exit_code = 1


class ForbiddenError(ServiceError):
    """This person, key or environment may not do this."""

    exit_code = 1


class UsageError(ServiceError):
    """The call itself is wrong (options, order of steps)."""

    exit_code = 2


class SetupError(ServiceError):
    """The installation lacks something (a font, a key file, a folder); it says what to do."""


class CorruptError(ServiceError):
    """Stored state contradicts itself; stop, and look before anything is written."""
