"""The vectors in the repository are what their builder builds, byte for byte."""

import hashlib
import json

import pytest

from tests.vectors import build_verification

MANIFEST = json.loads((build_verification.FOLDER / "manifest.json").read_text("utf-8"))
DIGESTS = {row["name"]: row["sha256"] for family in MANIFEST["families"] for row in family["vectors"]}
FEW = (
    "letter_issued",
    "isa_empty_xref",
    "usf_contents_null",
    "cms_two_signer_infos",
    "stranger_p256",
    "sm2_letter_issued",
    "vendor_gm_sm2cms_detached",
    "stranger_by_bare_root_level_lt_by_ocsp",
)
LIMIT = 6_700_000


@pytest.mark.parametrize("name", FEW)
def test_a_vector_is_built_again_as_it_is_published(name: str) -> None:
    _, vector = build_verification.find(name)
    assert hashlib.sha256(vector.make()).hexdigest() == DIGESTS[name]


def test_the_vectors_stay_small() -> None:
    assert sum(one.stat().st_size for one in build_verification.FOLDER.rglob("*") if one.is_file()) < LIMIT
