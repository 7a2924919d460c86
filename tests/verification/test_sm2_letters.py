from tests.verification.conftest import Lab


def test_whole(sm2_lab: Lab, sm2_revisions: list[bytes]) -> None:
    from pathlib import Path

    for n, one in enumerate(sm2_revisions):
        Path(f"/tmp/sm2_{n}.pdf").write_bytes(one)
    report = sm2_lab.check(sm2_revisions[-1])
    print([(r.code, r.detail) for r in report.reasons])
    print(report.to_json())
    assert report.verdict.value == "valid"
    import subprocess

    print(subprocess.run(["pdfsig", "-nocert", "/tmp/sm2_4.pdf"], capture_output=True, text=True).stdout)
    Path("/tmp/sm2_root.der").write_bytes(sm2_lab.issuing)
    from asn1crypto import pem

    Path("/tmp/sm2_roots.pem").write_bytes(
        pem.armor("CERTIFICATE", sm2_lab.issuing) + pem.armor("CERTIFICATE", sm2_lab.time_ca)
    )
