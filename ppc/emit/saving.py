"""Writing files: whole, or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress

from ppc.diagnostics import KindError
from ppc.diagnostics.command import NotWritten, OverSource


def write(path: str, text: str, source: str) -> None:
    """Write a file whole: on any error an earlier file of that name is as it was.

    `source` is the file that must not be written over. Raises KindError.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and os.path.exists(source) and os.path.samefile(target, source):
        raise KindError(OverSource(path=path))
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            # A pipe or a device, such as /dev/stdout, is no file to replace; a folder is refused.
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        else:
            _replace(target, text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise KindError(NotWritten(path=path, reason=reason)) from None


def _replace(target: str, text: str) -> None:
    folder, name = os.path.split(target)
    handle, part = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(part, _mode(target))
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _mode(target: str) -> int:
    """The permissions of the file that is replaced, or those of a new file."""
    with suppress(OSError):
        return stat.S_IMODE(os.stat(target).st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
