"""A token in software (SoftHSM2) for the tests: made once a process, as its driver reads its settings only once."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pkcs11
from pkcs11.util.ec import encode_named_curve_parameters

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "token-pin-83051"
HOLDERS, HOLDERS_PIN = "holder", "held-pin-62840"
"""A person's own token, with a P-256 key called signing."""
HOLDERS_KEY = f"pkcs11:token={HOLDERS};object=signing"


@functools.cache
def softhsm_token() -> Path:
    """Return the folder of a token called liangze with the keys issuing_ca (P-256) and tsa (RSA), and its PIN file."""
    made = Path(tempfile.mkdtemp(prefix="softhsm-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    (made / "tokens").mkdir()
    (made / "softhsm2.conf").write_text(f"directories.tokendir = {made / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(made / "softhsm2.conf")
    for label, pin in (("liangze", PIN), (HOLDERS, HOLDERS_PIN)):
        words = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin]
        subprocess.run([*words, "--so-pin", "12345678"], check=True, capture_output=True)
    driver = pkcs11.lib(str(MODULE))
    with driver.get_token(token_label="liangze").open(user_pin=PIN, rw=True) as session:
        _make_p256(session, "issuing_ca")
        session.generate_keypair(pkcs11.KeyType.RSA, 3072, store=True, label="tsa")
    with driver.get_token(token_label=HOLDERS).open(user_pin=HOLDERS_PIN, rw=True) as session:
        _make_p256(session, "signing")
    (made / "pin").write_text(PIN + "\n")
    (made / "pin").chmod(0o600)
    return made


def key_uri(folder: Path, label: str, pin: str = "pin") -> str:
    """Return the URI of a key on the token."""
    return f"pkcs11:token=liangze;object={label}?module-path={MODULE}&pin-source=file:{folder / pin}"


def _make_p256(session: pkcs11.Session, label: str) -> None:
    curve = session.create_domain_parameters(
        pkcs11.KeyType.EC,
        {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("1.2.840.10045.3.1.7")},
        local=True,
    )
    curve.generate_keypair(store=True, label=label)
