"""RSA keys that grow from a label, so that nothing secret need be kept: for vectors only."""

from functools import cache
from math import gcd

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.verification.conftest import repeatable

EXPONENT = 65537
_SMALL = [
    number
    for number in range(3, 2000, 2)
    if all(number % other for other in range(3, 45, 2) if other < number)
]


@cache
def key(label: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the RSA key of this label."""
    p, q = (_prime(f"{label}/{name}", bits // 2) for name in "pq")
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(EXPONENT, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def _prime(label: str, bits: int) -> int:
    start = int.from_bytes(repeatable(label, bits // 8)) | 1 | (3 << (bits - 2))
    number = start
    while not (
        gcd(number - 1, EXPONENT) == 1 and all(number % small for small in _SMALL) and _is_prime(number)
    ):
        number += 2
    return number


def _is_prime(number: int) -> bool:
    """Miller and Rabin's test with fixed bases."""
    odd, twos = number - 1, 0
    while not odd % 2:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29):
        power = pow(base, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = pow(power, 2, number)
            if power == number - 1:
                break
        else:
            return False
    return True
