"""The demo keys of keys_example by fingerprint, and the refusal of all that hangs on them in production.

Their private halves are public: whoever has read the repository can sign with them.
"""

import hashlib

from service.errors import ForbiddenError
from service.signing import names, profile

DEMO_SPKI: frozenset[str] = frozenset(
    {
        "045aa0b2857cc62781a3f2c34a33e1a8858b799cbc9fab3c5759456a85521820",  # issuing_ca
        "644db7ae4cbba3ffd9dae22604b32c99eed670233d8f4aa42377a662af67f616",  # issuing_ca, the other profile's
        "29780548d6dff5b9a19206f790079a178365f15bda2f6cf24fbbc4843016e163",  # log
        "6494b15476acfb7858a0226db55b7b55f47d81ed732751b9015036f212aff2ef",  # qr
        "d1dc12c1fb250aadfad7b3c484a38de8f8855f41957ece4de43055606f5d98cc",  # seal
        "dfc947f1ae27420dadd3ef3c3af4d3888691f473f1d467550b8b9abdf69ffe5d",  # seal, the other profile's
        "c3a80257436c1ff16bf751d47c66c22016311a20558d58b6ca96fe69fbd93c53",  # trust
        "80ce18f9bc4320e8535fecab87f1af2a69495650928b58b08381fd88768d9a26",  # tsa
        "b903292e0e5f46b3ca1c412c544af62bf8725bc7e2f509798aeb9bf63539b01a",  # tsa_ca
    }
)
"""SHA-256 (hex) of the SubjectPublicKeyInfo of every key in keys_example."""


def refuse_demo(*certificates: bytes) -> None:
    """Raise ForbiddenError E-PKI-020 when a certificate holds a demo key or names one as subject or issuer.

    Hand in the whole chain: an anchor without the telling name is known by its key.
    """
    for der in certificates:
        certificate = profile.load(der)
        refuse_demo_keys(certificate.public_key.dump())
        if names.is_demo(certificate):
            raise _refusal()


def refuse_demo_keys(*public_keys: bytes) -> None:
    """Raise ForbiddenError E-PKI-020 when a public key (DER SubjectPublicKeyInfo) is a demo key."""
    if any(hashlib.sha256(public_key).hexdigest() in DEMO_SPKI for public_key in public_keys):
        raise _refusal()


def _refusal() -> ForbiddenError:
    return ForbiddenError(
        "E-PKI-020", "正式环境不能使用演示密钥或演示证书（私钥已公开）：请生成本单位自己的密钥。"
    )
