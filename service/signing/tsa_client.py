"""Timestamps from outside authorities over HTTP (RFC 3161, 3.4): several in order, nothing believed unchecked.

A token is taken only when it is whole by itself, for our digest and nonce, under the policy that was asked for, by a
certificate that leads to a configured anchor, and of this minute. Where none can be had, the letter waits.
"""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from asn1crypto import algos, cms, core, tsp
from pyhanko.sign.timestamps import TimeStamper

from service.clock import Clock
from service.core import Entropy
from service.errors import ServiceError, UnavailableError, VerificationError
from service.verification import chain, der, policy
from service.verification import cms as messages
from service.verification.guard import ProofError, hostile
from service.verification.trust import Anchor

TIMEOUT_SECONDS = 10.0
TRIES = 2
"""How often one authority is asked before the next one's turn."""
ANSWER_SIZE_MAX = 64 * 1024
TOKEN_SIZE_MAX = 16 * 1024
"""A larger token would make every letter as much larger; what letters keep room for is measured (`measure`)."""
SKEW_MAX = timedelta(minutes=1)
PROBE_EVERY = timedelta(minutes=10)
_REQUEST = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
_ANSWER = "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class Terms:
    """Which authorities are asked, under which policy, and which anchors vouch for them."""

    urls: tuple[str, ...]
    anchors: Callable[[], Sequence[Anchor]]
    policy: str | None = None
    timeout: float = TIMEOUT_SECONDS


class HttpTimeStamper(TimeStamper):
    """Asks the authorities of `terms` in order; the first token that holds is taken."""

    def __init__(self, terms: Terms, clock: Clock, entropy: Entropy) -> None:
        super().__init__(include_nonce=True)  # type: ignore[no-untyped-call]
        self._terms, self._clock, self._entropy = terms, clock, entropy
        self._probed: datetime | None = None

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """Return a token for the digest; raise UnavailableError E-SIG-032 when no authority gives a good one."""
        return self.token(message_digest, md_algorithm)

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Return a granted response for the request's digest; nonce and policy are our own, not the request's."""
        imprint = req["message_imprint"]
        token = self.token(
            imprint["hashed_message"].native, str(imprint["hash_algorithm"]["algorithm"].native)
        )
        return tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token})

    def token(self, digest: bytes, digest_name: str = "sha256") -> cms.ContentInfo:
        """Return a token for the digest, already checked; UnavailableError names every authority's fault."""
        faults = []
        with httpx.Client(timeout=self._terms.timeout, follow_redirects=False) as http:
            for url in self._terms.urls:
                for _ in range(TRIES):
                    try:
                        return self._ask(http, url, digest, digest_name)
                    except (ServiceError, httpx.HTTPError) as exc:
                        fault = exc.message if isinstance(exc, ServiceError) else type(exc).__name__
                faults.append(f"{url}：{fault}")
        why = "；".join(faults) or "没有设置时间戳服务"
        raise UnavailableError("E-SIG-032", f"没有得到可用的时间戳，文书待时间戳，稍后自动再试。{why}")

    def measure(self) -> dict[str, int]:
        """Return the size of a token of each authority that answers now; the others are left out."""
        sizes = {}
        with httpx.Client(timeout=self._terms.timeout, follow_redirects=False) as http:
            for url in self._terms.urls:
                digest = hashlib.sha256(self._entropy(32)).digest()
                with contextlib.suppress(ServiceError, httpx.HTTPError):
                    sizes[url] = len(self._ask(http, url, digest, "sha256").dump())
        return sizes

    def require_near(self) -> None:
        """Raise VerificationError E-SIG-034 while this machine's clock is more than a minute from the authority's.

        Asked before a key is opened, at most every ten minutes. While no authority answers, nothing is said:
        the letter will wait for its timestamp anyhow.
        """
        now = self._clock()
        if self._probed is not None and timedelta(0) <= now - self._probed < PROBE_EVERY:
            return
        try:
            self.token(hashlib.sha256(self._entropy(32)).digest())
        except UnavailableError as exc:
            if "E-SIG-034" in exc.message:
                raise VerificationError("E-SIG-034", _skewed()) from exc
            return
        self._probed = now

    def _ask(self, http: httpx.Client, url: str, digest: bytes, digest_name: str) -> cms.ContentInfo:
        nonce = int.from_bytes(b"\x01" + self._entropy(8))
        request = {
            "version": 1,
            "message_imprint": {
                "hash_algorithm": algos.DigestAlgorithm({"algorithm": digest_name}),
                "hashed_message": digest,
            },
            "nonce": core.Integer(nonce),
            "cert_req": True,
        }
        if self._terms.policy:
            request["req_policy"] = tsp.ObjectIdentifier(self._terms.policy)
        token = _read(_post(http, url, tsp.TimeStampReq(request).dump()))
        self._require(token, digest, digest_name, nonce)
        return token

    def _require(self, token: cms.ContentInfo, digest: bytes, digest_name: str, nonce: int) -> None:
        """Raise VerificationError unless the token is what was asked for, and holds.

        1. whole by itself; 2. its chain leads to an anchor; 3. its time is this minute's, and the chain fits it;
        4. ours: digest, nonce, policy; above the algorithm policy; 5. it is not of a size that nobody expects.
        """
        now = self._clock()
        data = token.dump()
        try:
            read = messages.read_token(data, canonical=False)
            info = tsp.TSTInfo.load(read.signed.content or b"")
            path = chain.build(
                read.signed.certificate, read.signed.others, list(self._terms.anchors()), "time"
            )
            # First, or a wrong clock would be told as an expired certificate.
            if abs(read.time - now) > SKEW_MAX:
                raise VerificationError("E-SIG-034", f"E-SIG-034 {_skewed()}")
            chain.require_valid(path, now, "time")
        except ProofError as exc:
            raise _bad(f"未通过验证（{exc.code}）") from exc
        if (read.imprint_name, read.imprint, info["nonce"].native) != (digest_name, digest, nonce):
            raise _bad("不是为本次请求出具的")
        if self._terms.policy not in {None, info["policy"].dotted}:
            raise _bad(f"策略为 {info['policy'].dotted}，不是所要的 {self._terms.policy}")
        ends = policy.algorithm_ends()
        used = read.signed.algorithms | path.algorithms | {read.imprint_name}
        if weak := sorted(one for one in used if not policy.is_acceptable(one, now, ends)):
            raise _bad(f"算法已不合规定（{'、'.join(weak)}）")
        if len(data) > TOKEN_SIZE_MAX:
            raise _bad(f"长 {len(data)} 字节，最多 {TOKEN_SIZE_MAX} 字节")


def _post(http: httpx.Client, url: str, request: bytes) -> bytes:
    with http.stream("POST", url, content=request, headers=_REQUEST) as answer:
        if answer.status_code != 200:
            raise _bad(f"服务答复 {answer.status_code}")
        if answer.headers.get("content-type", "").split(";")[0].strip() != _ANSWER:
            raise _bad("服务答复的不是时间戳")
        body = b""
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > ANSWER_SIZE_MAX:
                raise _bad("服务答复过长")
    return body


def _read(body: bytes) -> cms.ContentInfo:
    try:
        with hostile("CMS_MALFORMED"):
            parts = der.members(body)  # asn1crypto demands a token even of a refusal
            status = str(tsp.PKIStatusInfo.load(parts[0], strict=True)["status"].native)
            if status in {"granted", "granted_with_mods"}:
                return cms.ContentInfo.load(parts[1], strict=True)
    except ProofError as exc:
        raise _bad("服务答复无法读取") from exc
    raise _bad(f"服务拒绝了请求（{status}）")


def _bad(why: str) -> VerificationError:
    return VerificationError("E-SIG-033", f"时间戳{why}，不予采用。")


def _skewed() -> str:
    return "本机时钟与时间戳服务相差一分钟以上，已停止签署：请校准本机时间后再试。"
