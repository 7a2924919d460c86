"""Pictures and revisions of a hostile file for people to look at, taken in a process of its own with limits.

Nothing here judges. The process may compute and write its answer, no more (worker.confine); it answers with plain
numbers and raw pixels, so whoever reads the answer decodes no picture that a file could have crafted.
"""

import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from PIL import Image

from service.verification import cms, drawing, dss, pixels, structure, worker
from service.verification.guard import ProofError
from service.verification.limits import LIMITS, MAX_SIGNATURES

MAX_PICTURES = 6  # pages of a report or a comparison: people look at the first
SCALE = 1.6  # 115 dpi: small print can be read
_MAX_SIDE = 6000  # pixels, so that an answer cannot ask for gigabytes
_MAX_CERTIFICATES = 200  # of one file
_STANDARD = 3  # standard input, output and error: no further descriptor, so no file and no socket


@dataclass(frozen=True, slots=True)
class Pair:
    """One page as it was signed and as it is now; what differs is framed."""

    page: int
    signed: Image.Image
    now: Image.Image


@dataclass(frozen=True, slots=True)
class Revision:
    """What one signature covers: the first `end` bytes of the file."""

    field: str
    end: int


def revisions(data: bytes) -> tuple[Revision, ...]:
    """Return the signed revisions, oldest first; empty for a file that cannot be read within the limits."""
    answer = _ask({"task": "revisions"}, data)
    found = json.loads(answer[0][1]) if answer else []
    good = [one for one in found if type(one["end"]) is int and 0 < one["end"] <= len(data)]
    return tuple(Revision(str(one["field"]), one["end"]) for one in good[:MAX_SIGNATURES])


def certificates(data: bytes) -> tuple[bytes, ...]:
    """Return every certificate (DER) that the file brings along; nothing says yet that any is good."""
    return tuple(raw for _, raw in _ask({"task": "certificates"}, data)[:_MAX_CERTIFICATES])


def differences(data: bytes) -> tuple[Pair, ...]:
    """Return the first pages that look other than they were signed; empty also where that cannot be drawn."""
    return _pairs(_ask({"task": "differences"}, data))


def first_pages(data: bytes, end: int) -> tuple[Pair, ...]:
    """Return the first pages of the revision that ends at `end` beside those of the whole file."""
    return _pairs(_ask({"task": "pages", "end": end}, data))


def _ask(request: dict[str, Any], data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Run the task in a new process and return its parts; none if it fails, lies about sizes or takes too long."""
    command = [sys.executable, "-m", __name__, json.dumps(request)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"}
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter and this package
            command, input=data, capture_output=True, env=environment, timeout=LIMITS.seconds, check=False
        )
        return list(_parts(done.stdout)) if done.returncode == 0 else []
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return []


def _parts(answer: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    while answer:
        head, _, answer = answer.partition(b"\n")
        value = json.loads(head)
        size = int(value["size"])
        yield value, answer[:size]
        answer = answer[size:]


def _pairs(parts: list[tuple[dict[str, Any], bytes]]) -> tuple[Pair, ...]:
    try:
        images = [(int(head["page"]), _image(head, raw)) for head, raw in parts[: 2 * MAX_PICTURES]]
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(
        Pair(page, signed, now) for (page, signed), (_, now) in zip(images[::2], images[1::2], strict=False)
    )


def _image(head: dict[str, Any], raw: bytes) -> Image.Image:
    width, height = int(head["width"]), int(head["height"])
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise ValueError("size")
    return Image.frombytes("RGB", (width, height), raw)


# What follows runs in the process with limits.


def main() -> None:
    """Read a file from standard input, do what the first argument asks, and write the answer."""
    request = json.loads(sys.argv[1])
    for name in worker.LATE_IMPORTS:
        import_module(name)
    Image.init()
    data = sys.stdin.buffer.read()
    worker.confine(LIMITS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_STANDARD, _STANDARD))
    resource.setrlimit(resource.RLIMIT_CPU, (LIMITS.cpu_seconds, LIMITS.cpu_seconds))
    try:
        parts = list(_TASKS[request["task"]](data, request))
    except ProofError:
        parts = []
    for head, raw in parts:
        sys.stdout.buffer.write(json.dumps({**head, "size": len(raw)}).encode() + b"\n" + raw)


def _revisions(data: bytes, _: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    document = structure.read_document(data)
    found = [{"field": one.field, "end": one.end} for one in document.signatures]
    yield {}, json.dumps(found).encode()


def _certificates(data: bytes, _: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    document = structure.read_document(data)
    found: dict[bytes, None] = dict.fromkeys(dss.read(document).certificates)
    for one in document.signatures:
        try:
            if one.is_timestamp:
                messages = [cms.read_token(one.contents, canonical=False).signed]
            else:
                messages = [cms.read_signature(one.contents, canonical=False, pades=False)]
                if messages[0].token is not None:
                    messages.append(cms.read_token(messages[0].token, canonical=False).signed)
        except ProofError:
            continue
        for message in messages:
            found |= dict.fromkeys((message.certificate, *message.others))
    yield from (({}, der) for der in found)


def _differences(data: bytes, _: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    document = structure.read_document(data)
    for one in document.signatures:
        later = [each.field for each in document.signatures if each.end > one.end]
        found = pixels.pictures(data, one.end, later) if one.end < len(data) else {}
        if found:
            for page in sorted(found)[:MAX_PICTURES]:
                yield from (_raw(page, png) for png in found[page])
            return


def _pages(data: bytes, request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    signed = data[: request["end"]]
    count = min(len(drawing.draw(signed)), len(drawing.draw(data)), MAX_PICTURES)
    for page in range(count):
        yield _raw(page, drawing.picture(signed, page, [], SCALE))
        yield _raw(page, drawing.picture(data, page, [], SCALE))


def _raw(page: int, png: bytes) -> tuple[dict[str, Any], bytes]:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return {"page": page, "width": image.width, "height": image.height}, image.tobytes()


_TASKS = {
    "revisions": _revisions,
    "certificates": _certificates,
    "differences": _differences,
    "pages": _pages,
}


if __name__ == "__main__":
    main()
