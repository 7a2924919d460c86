"""All vectors, and the trust they are judged with, of one freshly grown world."""

from dataclasses import replace
from functools import cache

from service.verification.trust import Trust
from tests.vectors.builder import everyday, good, messages, national, people, strangers, tails, wrapping
from tests.vectors.builder.authority import DAY, T0, Street
from tests.vectors.builder.vector import Bundles, Family


@cache
def street() -> Street:
    """Return the street whose letters the vectors are."""
    return Street()


@cache
def families() -> tuple[Family, ...]:
    """Return every family."""
    modules = (good, strangers, tails, wrapping, messages, people, everyday, national)
    return tuple(family for module in modules for family in module.families(street()))


def bundles() -> Bundles:
    """Return every trust by name."""
    modules = (good, people, strangers, national)
    return {name: made for module in modules for name, made in module.bundles(street()).items()}


def trust_bytes(name: str) -> tuple[str, bytes]:
    """Return the file name and the bytes of a trust: a signed bundle, a certificate, or nothing."""
    made = bundles()[name]()
    if isinstance(made, bytes):
        return f"{name}.der", made
    if made == Trust():
        return f"{name}.empty", b""
    return f"{name}.json", street().bundle(
        replace(made, issued=made.issued or T0, expires=made.expires or T0 + 30 * DAY)
    )
