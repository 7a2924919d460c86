"""The one error tree: a class per remedy, a stable code for programs, a Chinese sentence for people."""

import errno

_SYSTEM = {
    errno.ENOENT: "没有这个文件或文件夹",
    errno.EISDIR: "这是文件夹，不是文件",
    errno.ENOTDIR: "路径中有一段不是文件夹",
    errno.ENOSPC: "磁盘空间已满，请腾出空间",
    errno.EDQUOT: "磁盘配额已用完，请扩大配额",
    errno.EROFS: "磁盘为只读，请检查挂载方式",
    errno.EACCES: "没有权限，请检查文件夹的属主与权限",
    errno.EPERM: "没有权限，请检查文件夹的属主与权限",
    errno.EIO: "磁盘读写出错，请检查磁盘",
    errno.EMFILE: "打开的文件过多，请调高进程的文件数上限",
    errno.ENFILE: "打开的文件过多，请调高系统的文件数上限",
    errno.ENAMETOOLONG: "文件名过长",
    errno.ELOOP: "符号链接循环",
}


def system_reason(error: OSError) -> str:
    """Return in Chinese why the system refused a file; what it says itself (strerror) is English."""
    return _SYSTEM.get(error.errno or 0, f"磁盘或系统出错（错误号 {error.errno or '未知'}）")


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


class UnavailableError(SetupError):
    """Something outside does not answer now; what needs it waits and is done later by itself."""


class CorruptError(ServiceError):
    """Stored state contradicts itself; stop, and look before anything is written."""
