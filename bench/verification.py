"""Verification holds its promise: a finished letter costs no more than pyHanko's judgement of it; two cores help.

Letters of the office's own kind, finished to B-LTA, are judged in worker processes with everything on (pixels, hidden
content, second parser); pyHanko validates the same bytes as AdES LTA, each of the three signatures, in turn with us.
CPU is that of all processes together. `--json` prints {"ratios": {"verify_vs_pyhanko": …, "two_cores": …}, …}:
pyHanko's CPU by ours (median of the turns), and wall time on one worker by wall time on two. `--full`: 1 000 letters.
On a machine that others use, wall time tells of them: read `cpu_seconds`, where the part computed `here` is all that
two workers cannot share.
"""

import argparse
import asyncio
import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from asn1crypto import x509  # noqa: E402
from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: E402
from pyhanko.sign.validation import ades  # noqa: E402
from pyhanko.sign.validation.policy_decl import (  # noqa: E402
    PdfSignatureValidationSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints  # noqa: E402
from pyhanko_certvalidator.context import CertValidationPolicySpec  # noqa: E402
from pyhanko_certvalidator.ltv import ades_past, poe  # noqa: E402
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo  # noqa: E402
from pyhanko_certvalidator.policy_decl import (  # noqa: E402
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import SimpleTrustManager  # noqa: E402

from service.core import LetterId, Role  # noqa: E402
from service.documents.content import Content  # noqa: E402
from service.documents.kinds import load_kind  # noqa: E402
from service.documents.pdf import PdfRenderer  # noqa: E402
from service.signing import appearance, seals  # noqa: E402
from service.verification.isolation import Job, Pool  # noqa: E402
from service.verification.report import Verdict  # noqa: E402
from service.verification.trust import Trust  # noqa: E402
from tests.documents.conftest import commitment  # noqa: E402
from tests.verification.conftest import COMMITTEE, DAY, T0, UNIT, Lab, Person  # noqa: E402

FONTS = ROOT / ".fonts"
DISTINCT = 8  # letters that are really made; a longer batch repeats them
TURNS = 9
BATCHES = 3
NOW = T0 + DAY


def main() -> None:
    """Measure and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--letters", type=int, default=40, help="letters in the batch for one and two cores")
    parser.add_argument("--full", action="store_true", help="a batch of 1 000 letters")
    options = parser.parse_args()
    lab = Lab("bench")
    letters, trust = make_letters(lab, DISTINCT), lab.trust()
    result = against_pyhanko(lab, letters, trust)
    batch = on_two_cores(letters, trust, 1000 if options.full else options.letters)
    result["ratios"]["two_cores"] = batch.pop("two_cores")
    result |= batch
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result["ratios"].items():
        print(f"{name}: {value:.2f}")
    print(f"{result['ms']}, {result['letters']} letters in {result['seconds']} s on one and two workers")


def make_letters(lab: Lab, count: int) -> list[bytes]:
    """Return finished letters of the office's own kind, each with another number."""
    kind, renderer = load_kind(ROOT / "templates" / "commitment"), PdfRenderer(FONTS)
    return [_finish(lab, renderer.render(kind, _content(lab, at), specimen=True)) for at in range(count)]


def _content(lab: Lab, at: int) -> Content:
    names = {"issuer": COMMITTEE, "cadre_unit": UNIT, "cadre_name": lab.cadre.name, "leader_unit": COMMITTEE}
    content = commitment(**names, entity_count=at + 1)
    number, letter = f"五马食安诺〔2026〕{at + 1}号", LetterId(f"{at:032x}")
    return replace(content, envelope=replace(content.envelope, number=number, letter=letter))


def _finish(lab: Lab, head: bytes) -> bytes:
    """Certify with the seal, sign, countersign and complete."""
    seal = seals.seal_stamp(COMMITTEE, "食品安全专用章", None, FONTS, True)
    steps: list[tuple[Role, Person, str]] = [
        (Role.OFFICE, lab.office, ""),
        (Role.CADRE, lab.cadre, UNIT),
        (Role.LEADER, lab.leader, COMMITTEE),
    ]
    for role, person, unit in steps:
        drawn = seal
        if unit:
            drawn = appearance.signature_stamp(person.name, unit, "负责人", T0.date(), None, FONTS, True)
        head = lab.sign(head, role, person, stamp=drawn)
    return lab.complete(head)


def against_pyhanko(lab: Lab, letters: Sequence[bytes], trust: Trust) -> dict[str, Any]:
    """Return the CPU of both, in turn on the same letters."""
    _stop_the_clock(NOW)
    ours, all_three, first = [], [], []
    with Pool(1) as pool:
        require_valid(pool.verify(letters[0], trust, NOW).verdict)
        for turn in range(TURNS + 1):
            letter = letters[turn % len(letters)]
            ours.append(_cpu(partial(_judge_all, pool, [Job(letter)], trust)))
            all_three.append(_cpu(partial(pyhanko, lab, letter, 3)))
            first.append(_cpu(partial(pyhanko, lab, letter, 1)))
    middle = {
        name: statistics.median(values[1:]) * 1000  # the first turn warms up
        for name, values in (("ours", ours), ("pyhanko", all_three), ("pyhanko_first_signature", first))
    }
    ratios = [theirs / own for theirs, own in zip(all_three[1:], ours[1:], strict=True)]
    return {
        "ratios": {
            "verify_vs_pyhanko": round(statistics.median(ratios), 3),
            "verify_vs_pyhanko_first_signature": round(middle["pyhanko_first_signature"] / middle["ours"], 3),
        },
        "ms": {name: round(value, 1) for name, value in middle.items()},
        "bytes": len(letters[0]),
    }


def on_two_cores(letters: Sequence[bytes], trust: Trust, count: int) -> dict[str, Any]:
    """Return how long a batch takes with one worker and with two, in turn, the best of each: others use the cores too.

    What the batch computes, here and in the workers, tells how much of it could not be shared out; it is the same
    whatever else runs.
    """
    jobs = [Job(letters[at % len(letters)], f"{at}.pdf") for at in range(count)]
    wall: dict[int, list[float]] = {1: [], 2: []}
    cpu: dict[str, dict[str, float]] = {}
    with Pool(1) as single, Pool(2) as double:
        pools = {1: single, 2: double}
        for workers, pool in pools.items():
            _judge_all(pool, jobs[: 2 * workers], trust)
        for _ in range(BATCHES):
            for workers, pool in pools.items():
                own, begin = time.process_time(), time.perf_counter()
                spent = _cpu(partial(_judge_all, pool, jobs, trust))
                wall[workers].append(time.perf_counter() - begin)
                own = time.process_time() - own
                cpu[str(workers)] = {"here": round(own, 3), "workers": round(spent - own, 3)}
    seconds = {workers: min(times) for workers, times in wall.items()}
    return {
        "letters": count,
        "seconds": {str(workers): round(value, 2) for workers, value in seconds.items()},
        "cpu_seconds": cpu,
        "two_cores": round(seconds[1] / seconds[2], 3),
    }


def _judge_all(pool: Pool, jobs: Sequence[Job], trust: Trust) -> None:
    for report in pool.verify_all(jobs, trust, NOW):
        require_valid(report.verdict)


def require_valid(verdict: Verdict) -> None:
    """Leave the benchmark unless the letter was found valid: speed of a wrong answer is no speed."""
    if verdict is not Verdict.VALID:
        raise SystemExit(f"a finished letter is {verdict}")


def pyhanko(lab: Lab, letter: bytes, count: int) -> None:
    """Validate the first `count` signatures as AdES LTA, as pyHanko documents it."""
    opened = PdfFileReader(io.BytesIO(letter))
    timing = ValidationTimingInfo(validation_time=NOW, best_signature_time=NOW, point_in_time_validation=True)
    for signature in opened.embedded_regular_signatures[:count]:
        spec = PdfSignatureValidationSpec(
            SignatureValidationSpec(
                cert_validation_policy=_policy(lab.issuing),
                ts_cert_validation_policy=_policy(lab.time_ca),
                key_usage_settings=KeyUsageConstraints(key_usage=None),
            )
        )
        status = asyncio.run(ades.ades_lta_validation(signature, spec, timing_info=timing))
        if status.ades_subindic.status.name != "PASSED":
            raise SystemExit(f"pyHanko says {status.ades_subindic}")


def _policy(root: bytes) -> CertValidationPolicySpec:
    required = RevocationCheckingRule.CRL_OR_OCSP_REQUIRED
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=[x509.Certificate.load(root)]),
        revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy(required, required)),
    )


def _stop_the_clock(at: datetime) -> None:
    """Let pyHanko's AdES code, which reads the system's clock, read `at`."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return at

    for module in (poe, ades_past):
        vars(module)["datetime"] = Stopped


def _cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds that this process and its live descendants spent on `work`."""
    begin = _spent(os.getpid())
    work()
    return _spent(os.getpid()) - begin


def _spent(pid: int) -> float:
    clock = (~pid << 3) | 2  # the CPU clock of another process, clock_getcpuclockid(3)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return time.clock_gettime(clock) + sum(_spent(int(one)) for one in children)


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    main()
