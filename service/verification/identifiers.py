"""Object identifiers of China's algorithms (GM/T 0006), made known to asn1crypto by their names when this is imported.

`NamedCurve.register` is a public door; the maps of algorithm identifiers are private; tests/test_gm.py watches them.
Without the names asn1crypto would hand out dotted numbers, and pyHanko could not name the digest.
"""

from asn1crypto import algos, keys

from service import gm

CURVE, SIGNATURE, DIGEST = "sm2", "sm2_sm3", "sm3"
BARE, BARE_OID = "sm2_bare", "1.2.156.10197.1.301.1"
"""SM2 with the digest named elsewhere, as rsassa_pkcs1v15 is for RSA."""

keys.NamedCurve.register(CURVE, gm.CURVE_OID, 32)
algos.DigestAlgorithmId._map[gm.DIGEST_OID] = DIGEST
for _name, _oid in ((SIGNATURE, gm.SIGNATURE_OID), (BARE, BARE_OID)):
    algos.SignedDigestAlgorithmId._map[_oid] = _name
    algos.SignedDigestAlgorithmId._reverse_map[_name] = _oid
if algos.DigestAlgorithmId._reverse_map is not None:  # made when first needed
    algos.DigestAlgorithmId._reverse_map[DIGEST] = gm.DIGEST_OID


def kind_of(algorithm: algos.SignedDigestAlgorithm) -> str:
    """Return the kind of a signature algorithm: asn1crypto's `signature_algo`, and ours; ValueError for others."""
    return CURVE if algorithm["algorithm"].native in (SIGNATURE, BARE) else str(algorithm.signature_algo)


def hash_of(algorithm: algos.SignedDigestAlgorithm) -> str:
    """Return the digest that a signature algorithm names: asn1crypto's `hash_algo`, and ours; ValueError for others."""
    return DIGEST if algorithm["algorithm"].native in (SIGNATURE, BARE) else str(algorithm.hash_algo)
