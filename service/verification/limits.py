"""Every limit of a verification in one place: how much a hostile file may ask of us, and why that much.

A file beyond a limit is not judged: the verdict is then `indeterminate` with a reason of its own.
"""

from dataclasses import dataclass

# The file
MAX_FILE = 64 * 2**20  # bytes; a letter has about 200 kB, and a stream may not unpack to more either
MAX_OBJECTS = 100_000  # a letter has about 300, a book of a thousand pages about 20 000
MAX_DEPTH = 64  # nesting of PDF values, page and form trees, and of DER; real files stay below 20
MAX_SIGNATURES = 64  # a letter renewed every eight years for a century has fewer than 20
MAX_CONTENT = 4 * 2**20  # bytes of content.json; a letter's has a few kB
MAX_ITEMS = 1000  # certificates, CRLs or OCSP responses of a document security store; ours has fewer than 20
MAX_PATH = 5  # certificates between leaf and anchor; public hierarchies have at most 3
MAX_FORM_FIELDS = 5000  # fields of a form that two parsers must agree on; tax forms have about 1000

# The pages that are drawn and read
MAX_PAGES = 200  # compared as pictures, 2 × 10 ms each
MAX_PIXELS = 4_000_000  # of one page; A4 has 0.5 million at 72 dpi, A0 8 million
MAX_CHARACTERS = 100_000  # of one page that are looked for; a page full of 5 pt text has 20 000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one verification may take in its worker process; the kernel or the parent ends whatever takes more."""

    seconds: float = 60.0  # until the parent kills the worker; a letter takes 0.1, and machines may be busy
    cpu_seconds: int = 30  # of computing; 200 pages drawn twice take about 10
    memory: int = (
        1024 * 2**20
    )  # bytes of address space beyond what the worker starts with; a letter needs 60 MB
    reply: int = 16 * 2**20  # bytes of a report; one on 64 signatures has 60 kB
    jobs: int = 1000  # after which a worker is replaced, so that nothing it kept can grow for ever


LIMITS = Limits()
