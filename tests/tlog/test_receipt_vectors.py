"""Entry v1, envelope v1 and the receipt are frozen: committed bytes are made anew and compared.

`python tests/tlog/test_receipt_vectors.py` writes vectors that are missing; it never changes one.
"""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from service.core import (
    Entry,
    Envelope,
    Event,
    FileDigest,
    LetterId,
    Party,
    Role,
    Sha256Hex,
    content_json,
    parse_entry,
    parse_envelope,
    sha256_hex,
)
from service.errors import InputError, ServiceError, VerificationError
from service.tlog import merkle, note, proof
from service.tlog.checkpoint import Checkpoint
from service.tlog.merkle import Hash, Node
from service.tlog.note import Verifier

VECTORS = Path(__file__).parent.parent / "vectors"
ORIGIN = "log.example/lucheng"
FILE = b"%PDF-1.7 not a real letter\n"
LETTER = LetterId("00112233445566778899aabbccddeeff")
SEED = bytes(range(32))


def entries() -> dict[str, bytes]:
    """A letter's life, and the records about it."""
    issued = Entry(
        kind="commitment",
        event=Event.ISSUED,
        id=LETTER,
        time="2026-11-24T03:04:05Z",
        file=FileDigest.of(FILE),
        unit="330302",
        list=sha256_hex(b"list"),
        subject=sha256_hex(b"salt" + b"cadre"),
    ).to_bytes()
    signed = Entry(
        kind="commitment",
        event=Event.SIGNED,
        id=LETTER,
        time="2026-11-24T03:05:06Z",
        file=FileDigest.of(FILE + b"signed"),
        unit="330302",
        list=sha256_hex(b"list"),
        subject=sha256_hex(b"salt" + b"cadre"),
        prev=Sha256Hex(merkle.leaf_hash(issued).hex()),
    ).to_bytes()
    void = Entry(
        kind="commitment",
        event=Event.VOID,
        id=LETTER,
        time="2026-11-25T00:00:00Z",
        prev=Sha256Hex(merkle.leaf_hash(signed).hex()),
    ).to_bytes()
    record = Entry(
        kind="记录",
        event=Event.RECORD,
        id="f" * 32,
        time="2026-11-25T00:00:01Z",
        file=FileDigest.of(b""),
        unit="五马",
    ).to_bytes()
    certificate = Entry(
        kind="certificate",
        event=Event.CERTIFICATE,
        id="0" * 32,
        time="2026-01-01T00:00:00Z",
        file=FileDigest.of(b"\0"),
    ).to_bytes()
    return {"issued": issued, "signed": signed, "void": void, "record": record, "certificate": certificate}


def envelope() -> Envelope:
    return Envelope(
        letter=LETTER,
        number="温鹿食安承〔2026〕1号",
        kind="commitment",
        title="食品安全责任与任务承诺书",
        unit="鹿城区食品药品安全委员会办公室",
        date="2026-11-24",
        parties=(
            Party(Role.OFFICE, 1, "office", "鹿城区食品药品安全委员会办公室"),
            Party(Role.CADRE, 2, "cadre", "五马街道", "党工委委员", "演示甲", sha256_hex(b"salt" + b"cadre")),
            Party(Role.LEADER, 3, "leader", "五马街道食品安全委员会", "五马街道食品安全委员会主要负责人"),
        ),
        list_version=1,
        list_sha256=sha256_hex(b"list"),
    )


def receipts() -> dict[str, bytes]:
    """A receipt for each entry, all against one checkpoint."""
    leaves = [merkle.leaf_hash(entry) for entry in entries().values()]

    def read(nodes: list[Node]) -> list[Hash]:
        return [merkle.root_hash(merkle.append([], 0, leaves[i << h : i + 1 << h])[0]) for h, i in nodes]

    key = Ed25519PrivateKey.from_private_bytes(SEED)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    root = merkle.root_hash(merkle.append([], 0, leaves)[0])
    head = note.sign_note(Checkpoint(ORIGIN, len(leaves), root).text, ORIGIN, key.sign, public)
    found = {
        f"{name}.tlog-proof": proof.format_proof(
            entry, index, merkle.prove_inclusion(index, len(leaves), lambda nodes: read(list(nodes))), head
        )
        for index, (name, entry) in enumerate(entries().items())
    }
    return {**found, "log.vkey": note.vkey(ORIGIN, public).encode() + b"\n"}


def vectors() -> dict[Path, bytes]:
    named = {VECTORS / "entry" / f"{name}.json": content for name, content in entries().items()}
    content = content_json(envelope(), {"正文": "演示", "数": 1})
    return (
        named
        | {VECTORS / "entry" / "content.json": content}
        | {VECTORS / "receipt" / name: content for name, content in receipts().items()}
    )


def schema(name: str) -> Draft202012Validator:
    loaded = json.loads((VECTORS / "schemas" / name).read_bytes())
    Draft202012Validator.check_schema(loaded)
    return Draft202012Validator(loaded)


def log_key() -> Verifier:
    return Verifier.parse((VECTORS / "receipt" / "log.vkey").read_text().strip())


def receipt(name: str) -> bytes:
    return (VECTORS / "receipt" / f"{name}.tlog-proof").read_bytes()


@pytest.mark.parametrize("path", sorted(vectors()), ids=lambda path: path.name)
def test_frozen_bytes_are_made_the_same_today(path: Path) -> None:
    assert path.read_bytes() == vectors()[path]


@pytest.mark.parametrize("name", sorted(entries()))
def test_entries_follow_their_schema_and_parse_back(name: str) -> None:
    content = (VECTORS / "entry" / f"{name}.json").read_bytes()
    schema("entry-v1.schema.json").validate(json.loads(content))
    assert parse_entry(content).to_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"event": "deleted"},
        {"id": "0" * 31},
        {"id": "A" * 32},
        {"prev": ""},
        {"time": "2026-11-24 03:04:05"},
        {"extra": 1},
        {"file": {"sha256": "0" * 64, "sm3": "0" * 64}},
        {"file": {"sha256": "0" * 64, "sm3": "0" * 64, "size": -1}},
    ],
)
def test_what_the_schema_refuses_the_parser_refuses(change: dict[str, object]) -> None:
    value = json.loads(entries()["issued"]) | change
    with pytest.raises(ValidationError):
        schema("entry-v1.schema.json").validate(value)
    with pytest.raises(InputError):
        parse_entry(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def test_an_entry_that_lacks_a_key_is_refused_by_schema_and_parser() -> None:
    whole = json.loads(entries()["issued"])
    for key in whole:
        value = {other: whole[other] for other in whole if other != key}
        with pytest.raises(ValidationError):
            schema("entry-v1.schema.json").validate(value)
        with pytest.raises(InputError):
            parse_entry(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def test_the_envelope_follows_its_schema_and_parses_back() -> None:
    value = json.loads((VECTORS / "entry" / "content.json").read_bytes())["envelope"]
    schema("envelope-v1.schema.json").validate(value)
    assert parse_envelope(value) == envelope()
    schema("envelope-v1.schema.json").validate(value | {"list": None, "parties": []})
    changes: list[dict[str, object]] = [
        {"v": 2},
        {"letter": "1"},
        {"more": 1},
        {"list": {"version": 1}},
        {"parties": [{}]},
    ]
    for change in changes:
        with pytest.raises(ValidationError):
            schema("envelope-v1.schema.json").validate(value | change)
        with pytest.raises(InputError):
            parse_envelope(value | change)


def test_a_receipt_proves_its_file() -> None:
    found = proof.verify_receipt(receipt("issued"), FileDigest.of(FILE), [log_key()])
    assert (found.index, found.size, found.entry.event) == (0, 5, Event.ISSUED)
    assert found.checkpoint.origin == ORIGIN


def test_a_receipt_without_a_file_still_proves_its_entry() -> None:
    assert proof.verify_receipt(receipt("void"), None, [log_key()]).entry.event is Event.VOID


@pytest.mark.parametrize("other", [FILE + b"x", FILE[:-1], b"", FILE.replace(b"not", b"nay")])
def test_a_receipt_of_another_file_is_refused(other: bytes) -> None:
    with pytest.raises(VerificationError, match="E-TLG-043"):
        proof.verify_receipt(receipt("issued"), FileDigest.of(other), [log_key()])


def test_a_receipt_without_a_file_entry_proves_no_file() -> None:
    with pytest.raises(VerificationError, match="E-TLG-043"):
        proof.verify_receipt(receipt("void"), FileDigest.of(FILE), [log_key()])


@pytest.mark.parametrize("name", sorted(entries()))
def test_every_changed_or_missing_byte_of_a_receipt_is_refused(name: str) -> None:
    good, key = receipt(name), log_key()
    for at in range(len(good)):
        for byte in {good[at] ^ 1, good[at] ^ 0x20, good[at] ^ 0x80}:
            with pytest.raises(ServiceError):
                proof.verify_receipt(good[:at] + bytes([byte]) + good[at + 1 :], None, [key])
        with pytest.raises(ServiceError):
            proof.verify_receipt(good[:at] + good[at + 1 :], None, [key])
        with pytest.raises(ServiceError):
            proof.verify_receipt(good[:at], None, [key])


def test_a_receipt_takes_cosignatures_of_witnesses_unknown_to_the_verifier() -> None:
    cosigned = receipt("issued") + "— witness.example/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9\n".encode()
    proof.verify_receipt(cosigned, FileDigest.of(FILE), [log_key()])


def test_a_receipt_signed_by_a_known_witness_alone_is_refused() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    entry = entries()["issued"]
    forged = Checkpoint(ORIGIN, 1, merkle.leaf_hash(entry)).text
    head = note.sign_note(forged, "witness.example/w1", key.sign, public)
    with pytest.raises(VerificationError, match="E-TLG-031"):
        proof.verify_receipt(
            proof.format_proof(entry, 0, [], head),
            None,
            [log_key(), Verifier.of("witness.example/w1", public)],
        )


def test_malformed_proofs_are_refused() -> None:
    header = "c2sp.org/tlog-proof@v1\n"
    bad = [
        "wrong-header\nindex 0\n\ncheckpoint\n",
        header + "extra !!notbase64!!\nindex 0\n\ncheckpoint\n",
        header + "\n\ncheckpoint\n",
        header + "index notanumber\n\ncheckpoint\n",
        header + "index -5\n\ncheckpoint\n",
        header + "index 05\n\ncheckpoint\n",
        header + "index 0\n!!notbase64!!\n\ncheckpoint\n",
        header + "index 0\n" + "A" * 86 + "==\n\ncheckpoint\n",
        header + "index 0\nextra AAAA\n\ncheckpoint\n",
        header + "index 0\n" + ("A" * 43 + "=\n") * 64 + "\ncheckpoint\n",
        header.replace("\n", "\r\n") + "index 0\n\ncheckpoint\n",
        "é" + header + "index 0\n\ncheckpoint\n",
        header + "index 0\n",
        "",
        "x" * (proof.MAX_PROOF_BYTES + 1),
    ]
    for text in bad:
        with pytest.raises(InputError):
            proof.parse_proof(text.encode())


def test_a_proof_without_extra_is_a_proof_but_no_receipt() -> None:
    plain = proof.parse_proof(receipt("issued"))
    bare = proof.format_proof(None, plain.index, plain.hashes, plain.checkpoint)
    assert proof.parse_proof(bare).extra is None
    proof.verify_proof(proof.parse_proof(bare), merkle.leaf_hash(entries()["issued"]), [log_key()])
    with pytest.raises(InputError, match="E-TLG-042"):
        proof.verify_receipt(bare, None, [log_key()])


if __name__ == "__main__":
    for path, content in vectors().items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
