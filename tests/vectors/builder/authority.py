"""Who signs in the vectors: our own small PKI, a stranger's licensed one, and a log; all grown from seeds."""

from dataclasses import dataclass
from functools import cached_property

from service.core import Entry, Event, FileDigest, Party, Sha256Hex, sha256_hex
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.signing import ca, profile
from service.tlog import merkle, note, proof
from service.tlog.checkpoint import Checkpoint
from tests.vectors.builder import letterhead, rsa
from tests.verification.conftest import DAY, SEAL, T0, Lab, Person, container, entropy, fill, new_key

__all__ = ["DAY", "SEAL", "T0", "Log", "Person", "Street", "container", "fill", "new_key"]


class Street(Lab):
    """The PKI of tests/verification, whose letters are the small ones of the vectors."""

    __hash__ = object.__hash__

    def draft(self, parties: tuple[Party, ...] | None = None, *, content: bytes | None = None) -> bytes:
        """Return an unsigned letter."""
        return letterhead.draft(self.envelope(parties), content=content)

    @cached_property
    def steps(self) -> list[bytes]:
        """Draft, issued, signed, countersigned, completed; made once."""
        return self.revisions()

    @property
    def issued(self) -> bytes:
        """The letter with the office's seal."""
        return self.steps[1]

    @property
    def countersigned(self) -> bytes:
        """The letter with all signatures, but not yet B-LTA."""
        return self.steps[3]

    @property
    def completed(self) -> bytes:
        """The finished letter."""
        return self.steps[4]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.namesakes = {
            "other": self.person("王小明", self.unit),
            "same_hat": self.person(self.cadre.name, self.committee),
            "stranger": self.person("陈国华", "温州市鹿城区南汇街道食品安全委员会"),
            "clerk": self.person("文书", self.committee),
            "seal": self.person("林晓东", self.unit, "seal"),
        }
        self.short_lived = self.person(self.office.name, self.committee, "seal", days=20)
        self.by_rsa = self.with_key(self.leader, rsa.key("leader"))

    def with_key(self, person: Person, key: private.PrivateKey) -> Person:
        """Return `person` with a key of another algorithm, one too that our CA would certify no more."""
        signer, issuer = LocalSigner(key), self.issuing_key
        extensions = [
            *profile.leaf(signer.public_key, time_stamping=False, policy_id=ca.POLICY_PERSON),
            profile.authority_key_identifier(issuer.public_key),
        ]
        certificate = profile.certificate(
            issuer, profile.load(self.issuing).subject,
            ca.Subject(person.name, self.committee, None, person.subject).name(), signer.public_key,
            profile.validity(T0, T0 + 3 * 365 * DAY), next(self.serials), extensions,
        )  # fmt: skip
        return Person(person.name, signer, certificate, person.subject)

    def sha256_of(self, *people: Person) -> frozenset[str]:
        """Return the digests under which certificates are on the roster."""
        return frozenset(sha256_hex(one.certificate) for one in people)


@dataclass(frozen=True)
class Log:
    """A log of one entry, the smallest there is."""

    name: str

    @cached_property
    def key(self) -> LocalSigner:
        """Its Ed25519 key."""
        return LocalSigner(private.generate(Algorithm.ED25519, entropy(self.name)))

    @property
    def vkey(self) -> str:
        """Its verifier key."""
        return note.vkey(self.name, self.key.public_key)

    def receipt(self, data: bytes, letter: str, event: Event = Event.COMPLETED) -> bytes:
        """Return the receipt of an entry that speaks of `data`."""
        digest = FileDigest.of(data)
        leaf = Entry(
            "letter", event, letter, "2026-11-24T03:00:00Z", digest, None, None, None, Sha256Hex("0" * 64)
        ).to_bytes()
        text = Checkpoint(self.name, 1, merkle.leaf_hash(leaf)).text
        return proof.format_proof(
            leaf, 0, [], note.sign_note(text, self.name, self.key.sign, self.key.public_key)
        )
