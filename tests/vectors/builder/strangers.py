"""Other people's files: good ones of the usual kinds, and hostile ones of the literature."""

from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter

from service.verification.trust import Anchor, Trust
from tests.vectors.builder import form, paper, rsa, surgery
from tests.vectors.builder.authority import DAY, T0, Street
from tests.vectors.builder.stranger import Ministry, Stranger, curve_key
from tests.vectors.builder.vector import INDETERMINATE, INVALID, VALID, Bundles, Family, Vector

GOOD = "ISO 32000-2, 12.8; ETSI EN 319 142-1 and 319 142-2; signed with pyHanko"
SHADOW = "Mainka et al., Shadow Attacks (NDSS 2021): hide, replace, hide-and-replace"
CERTIFIED = "Rohlmann et al., Breaking the Specification: PDF Certification (IEEE S&P 2021): evil annotation, sneaky signature"
YEARS_LATER = T0 + 3 * 365 * DAY
CHAINS = "ETSI EN 319 102-1, 5.2.6 and 5.5; RFC 5280, RFC 6960"


@cache
def ministry() -> Ministry:
    """Return the one licensed authority of the vectors."""
    return Ministry()


def families(street: Street) -> tuple[Family, ...]:
    """Return all four families."""
    return (
        Family("strangers_good", "别人的好文件", GOOD, _good()),
        Family("shadow", "影子攻击与对象替换", SHADOW, _shadow()),
        Family("certified", "认证文件：恶意注释、潜伏签名、锁定的域", CERTIFIED, _certified()),
        Family("chains", "证书链、吊销与算法", CHAINS, _chains()),
    )


def bundles(street: Street) -> Bundles:
    """Return the bundles of these families."""
    m = ministry()

    def licensed(*crls: bytes, **changes: Any) -> Trust:
        values: dict[str, Any] = {
            "anchors": (Anchor(m.root.der, "licensed", "any"),), "crls": crls,
            "environment": "test", "issued": T0, "expires": T0 + 30 * DAY,
        }  # fmt: skip
        return Trust(**{**values, **changes})

    later = T0 + 20 * DAY
    bob = m.p256.certificate.serial_number
    return {
        "licensed": lambda: licensed(*m.crls),
        "licensed_without_crls": licensed,
        "licensed_bob_revoked_before": lambda: licensed(
            m.crls[0], m.crl(m.middle, T0 + DAY / 2, {bob: T0 - DAY})
        ),
        "licensed_bob_revoked_later": lambda: licensed(
            m.crl(m.root, later), m.crl(m.middle, later, {bob: T0 + 10 * DAY})
        ),
        "licensed_years_later": lambda: licensed(
            m.crl(m.root, YEARS_LATER),
            m.crl(m.middle, YEARS_LATER),
            issued=YEARS_LATER,
            expires=YEARS_LATER + 30 * DAY,
        ),
        "root": lambda: m.root.der,
    }


def _sign(data: bytes, name: str = "Sig1", **options: Any) -> bytes:
    return ministry().sign(data, name, **options)


def _visible(name: str, box: tuple[int, int, int, int]) -> dict[str, Any]:
    return {"new_field_spec": SigFieldSpec(name, on_page=0, box=box)}


def _good() -> tuple[Vector, ...]:
    m, plain = ministry(), form.blank()
    certify: dict[str, Any] = {"certify": True}
    two = lambda: _sign(_sign(plain), "Sig2", who=m.rsa)  # noqa: E731
    lt: dict[str, Any] = {"embed_validation_info": True, "stamped": True}
    made: list[tuple[str, str, Any]] = [
        ("p256", "P-256 签名，PAdES B-B", lambda: _sign(plain)),
        ("rsa", "RSA 签名，PAdES B-B", lambda: _sign(plain, who=m.rsa)),
        ("p384_sha384", "P-384 与 SHA-384", lambda: _sign(plain, who=m.p384, digest="sha384")),
        ("p521_sha512", "P-521 与 SHA-512", lambda: _sign(plain, who=m.p521, digest="sha512")),
        ("ed25519", "Ed25519 签名", lambda: _sign(plain, who=m.ed25519)),
        ("adbe_pkcs7_detached", "旧式 adbe.pkcs7.detached",
         lambda: _sign(plain, who=m.rsa, subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED)),
        ("adobe_revocation_attribute", "吊销信息放在签名属性里（Adobe 式）", lambda: _sign(
            plain, who=m.rsa, subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED, embed_validation_info=True,
            validation_context=m.context(), stamped=True)),
        ("new_visible_field", "签名时新建可见签名域", lambda: _sign(
            plain, "Seen", **_visible("Seen", (320, 60, 520, 120)))),
        ("new_invisible_field", "签名时新建不可见签名域", lambda: _sign(plain, "Unseen")),
        ("two_signers", "两人先后签名", two),
        ("two_signers_new_visible_fields", "两人先后签名，各自新建可见签名域", lambda: _sign(
            _sign(plain, "A", **_visible("A", (60, 60, 260, 120))), "B", who=m.rsa,
            **_visible("B", (320, 60, 520, 120)))),
        ("certified_no_changes", "认证签名，不许任何改动",
         lambda: _sign(plain, **certify, docmdp_permissions=MDPPerm.NO_CHANGES)),
        ("certified_form_filling", "认证签名，许可填表，其后另一人签名", lambda: _sign(
            _sign(plain, **certify, docmdp_permissions=MDPPerm.FILL_FORMS), "Sig2", who=m.rsa)),
        ("certified_annotations", "认证签名，许可注释，其后另一人签名", lambda: _sign(
            _sign(plain, **certify, docmdp_permissions=MDPPerm.ANNOTATE), "Sig2", who=m.rsa)),
        ("form_filled_after_certification", "认证签名许可填表，其后填表", lambda: surgery.update(
            _sign(plain, **certify, docmdp_permissions=MDPPerm.FILL_FORMS), form.filled(b"paid"))),
        ("form_filled_between_two_signatures", "两次签名之间填表", lambda: _sign(
            surgery.update(_sign(plain), form.filled(b"paid")), "Sig2", who=m.rsa)),
        ("form_filled_after_signing", "普通签名之后填表", lambda: surgery.update(_sign(plain), form.filled(b"paid"))),
        ("xref_stream", "交叉引用为流", lambda: _sign(form.blank(table=False))),
        ("object_streams", "对象在对象流里，两人签名", lambda: _sign(_sign(form.blank(packed=True)), "Sig2", who=m.rsa)),
        ("level_t", "带时间戳，B-T", lambda: _sign(plain, stamped=True)),
        ("level_lt", "带吊销信息，B-LT", lambda: _sign(plain, validation_context=m.context(), **lt)),
        ("level_lta", "带文档时间戳，B-LTA", lambda: m.timestamp(
            _sign(plain, validation_context=m.context(), **lt), "Stamp1")),
        ("level_lta_renewed", "文档时间戳续期一次", lambda: m.timestamp(
            m.timestamp(_sign(plain, validation_context=m.context(), **lt), "Stamp1"), "Stamp2", T0 + DAY / 2)),
        ("level_lt_by_ocsp", "吊销信息是 OCSP 响应，B-LT", lambda: _sign(
            plain, who=m.by_ocsp, validation_context=m.context(by_ocsp=True), **lt)),
        ("dss_in_its_own_revision", "签名之后另加一次只含 DSS 的更新", lambda: _dss_after(_sign(plain, stamped=True))),
    ]  # fmt: skip
    licensed = tuple(
        Vector(f"stranger_{name}", title, make, VALID, trust="licensed") for name, title, make in made
    )
    return (
        *licensed,
        Vector("stranger_by_bare_root", "只给出根证书：有效，但不知资质", lambda: _sign(plain, who=m.plain), VALID,
               ("VOUCHER_UNKNOWN",), trust="root"),
        Vector("stranger_by_bare_root_level_lta", "只给出根证书，B-LTA 自带吊销信息", lambda: m.timestamp(
            _sign(plain, validation_context=m.context(), **lt), "Stamp1"), VALID, trust="root"),
        Vector("stranger_by_bare_root_level_lt_by_ocsp", "只给出根证书，B-LT 自带 OCSP 响应", lambda: _sign(
            plain, who=m.by_ocsp, validation_context=m.context(by_ocsp=True), **lt), VALID, trust="root"),
        Vector("stranger_level_lta_years_later", "三年后：签名证书已过期，仍有效的文档时间戳证明签在期内", lambda: m.timestamp(
            _sign(plain, validation_context=m.context(), **lt), "Stamp1", lasting=True), VALID,
            trust="licensed_years_later", now=YEARS_LATER + DAY),
        Vector("stranger_level_lta_never_renewed", "三年后：连文档时间戳的证书也过期了，没有续期", lambda: m.timestamp(
            _sign(plain, validation_context=m.context(), **lt), "Stamp1"), INDETERMINATE, ("CERT_EXPIRED",),
            trust="licensed_years_later", now=YEARS_LATER + DAY),
        Vector("stranger_signature_withdrawn", "签名人撤下自己的签名，另一人再签", lambda: _sign(
            _withdrawn(_sign(plain)), "Sig2", who=m.rsa), VALID, ("SIG_WITHDRAWN",), trust="licensed"),
    )  # fmt: skip


def _withdrawn(data: bytes) -> bytes:
    """What programs write when a signer clears the signature: the field without its value."""
    return surgery.update(data, {form.FIRST_FIELD: form.objects()[form.FIRST_FIELD]})


def _dss_after(data: bytes) -> bytes:
    m = ministry()
    fresh = surgery.size_of(data)
    root = surgery.root_of(data)
    catalogue = surgery.body(data, root).rstrip().removesuffix(b">>") + b"/DSS %d 0 R >>" % (fresh + 4)
    return surgery.update(
        data,
        {
            root: catalogue,
            fresh: paper.stream(b"", m.middle.der),
            fresh + 1: paper.stream(b"", m.crls[0]),
            fresh + 2: paper.stream(b"", m.crls[1]),
            fresh + 3: paper.stream(b"", m.tsa.der),
            fresh + 4: b"<< /Type /DSS /Certs [%d 0 R %d 0 R] /CRLs [%d 0 R %d 0 R] >>"
            % (fresh, fresh + 3, fresh + 1, fresh + 2),
        },
    )


def _note(box: bytes, kind: bytes = b"/Square") -> bytes:
    return (
        b"<< /Type /Annot /Subtype %s /F 4 /Rect [%s] /IC [1 1 1] /C [1 1 1] /P 3 0 R"
        b" /Contents (The borrower owes nothing.) /DA (/F1 12 Tf 0 g) >>" % (kind, box)
    )


def _with_note(data: bytes, box: bytes = b"50 700 400 740", kind: bytes = b"/Square") -> bytes:
    fresh = surgery.size_of(data)
    page = surgery.body(data, form.PAGE)
    start = page.index(b"/Annots [") + len(b"/Annots [")
    return surgery.update(
        data, {form.PAGE: page[:start] + b"%d 0 R " % fresh + page[start:], fresh: _note(box, kind)}
    )


def _changed(data: bytes, number: int, body: bytes) -> bytes:
    return surgery.update(data, {number: body})


def _shadow() -> tuple[Vector, ...]:
    covered, plain = _sign(form.blank(covered=True)), _sign(form.blank())
    ink = form.objects()[form.TEXT]
    evil = ink.replace(b"owes 1000", b"owes 9999")
    other_font = form.objects()[form.FONT].replace(b"/Helvetica", b"/Symbol")
    swap = {
        20: b"<< /Type /Pages /Count 1 /Kids [21 0 R] >>",
        21: b"<< /Type /Page /Parent 20 0 R %s /Contents 22 0 R"
        b" /Resources << /Font << /F1 6 0 R >> /XObject << /Im1 7 0 R >> >> >>" % form.BOX,
        22: evil,
    }
    prepared = _sign(paper.assemble({**form.objects(), **swap}, 1))
    moved = form.filled(b"paid")[form.REMARK].replace(b"[60 400 300 424]", b"[50 700 400 740]")
    return (
        Vector("shadow_hide", "签前用白块遮住文字，签后撤掉白块", lambda: _changed(covered, form.COVER, paper.stream(
            b"/Type /XObject /Subtype /Form /BBox [0 0 1 1]", b"")), INVALID, trust="licensed"),
        Vector("shadow_hide_by_freeing", "签后把遮盖的对象登记为空闲", lambda: _freed(covered, form.COVER), INVALID, ("CHANGES_FORBIDDEN",),
               trust="licensed"),
        Vector("shadow_replace_font", "签后换掉字体，同样的字形变了样", lambda: _changed(plain, form.FONT, other_font),
               INVALID, trust="licensed"),
        Vector("shadow_replace_field_box", "填表时把文本域移到正文上", lambda: surgery.update(
            plain, {**form.filled(b"paid"), form.REMARK: moved}), INVALID, trust="licensed"),
        Vector("shadow_hide_and_replace", "签前藏好第二棵页树，签后改指向它", lambda: surgery.edit(
            prepared, 1, b"/Pages 2 0 R", b"/Pages 20 0 R"), INVALID, trust="licensed"),
        Vector("shadow_layer_switched_off", "签后改变图层的默认开关", lambda: surgery.edit(
            plain, 1, b"/ON [ 13 0 R ]", b"/ON [ ] /OFF [ 13 0 R ]"), INVALID, ("CHANGES_FORBIDDEN",), trust="licensed"),
        Vector("object_page_text_changed", "签后改写页面内容流", lambda: _changed(plain, form.TEXT, evil), INVALID,
               trust="licensed"),
        Vector("object_image_swapped", "签后换掉图片", lambda: _changed(plain, form.IMAGE, form.picture(b"\xff\0\0")),
               INVALID, trust="licensed"),
        Vector("object_catalogue_action", "签后加打开时运行的脚本", lambda: surgery.edit(
            plain, 1, b"/Type /Catalog", b"/Type /Catalog /OpenAction << /S /JavaScript /JS (1) >>"), INVALID, ("CHANGES_FORBIDDEN",),
            trust="licensed"),
        Vector("object_embedded_file_added", "签后加附件", lambda: surgery.edit(
            plain, 1, b"/Type /Catalog",
            b"/Type /Catalog /Names << /EmbeddedFiles << /Names [(a) << /Type /Filespec /F (a) >>] >> >>"), INVALID, ("CHANGES_FORBIDDEN",),
            trust="licensed"),
        Vector("object_shared_by_the_appearance", "第二次签名的更新改写正文也在用的对象", lambda: _sign(
            _changed(plain, form.FONT, other_font), "Sig2", who=ministry().rsa), INVALID, trust="licensed"),
    )  # fmt: skip


def _freed(data: bytes, number: int) -> bytes:
    table = b"xref\n%d 1\n0000000000 00001 f \n" % number
    entries = b"/Size %d /Root 1 0 R /Prev %d" % (surgery.size_of(data), surgery.startxref(data))
    return data + table + b"trailer\n<< %s >>\nstartxref\n%d\n%%%%EOF\n" % (entries, len(data))


def _certified() -> tuple[Vector, ...]:
    m, plain = ministry(), form.blank()

    def certified(permission: MDPPerm, **options: Any) -> bytes:
        return _sign(plain, certify=True, docmdp_permissions=permission, **options)

    none, fill, note = (certified(one) for one in (MDPPerm.NO_CHANGES, MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE))
    locked = _sign(form.blank(locked=True))
    cover = {"new_field_spec": SigFieldSpec("Evil", on_page=0, box=(50, 690, 450, 780))}
    return (
        Vector("evil_annotation_no_changes", "不许改动的认证文件上加注释", lambda: _with_note(none), INVALID, trust="licensed"),
        Vector("evil_annotation_form_filling", "只许填表的认证文件上加注释盖住正文", lambda: _with_note(fill), INVALID,
               trust="licensed"),
        Vector("evil_annotation_free_text", "只许填表的认证文件上加文字注释",
               lambda: _with_note(fill, kind=b"/FreeText"), INVALID, trust="licensed"),
        Vector("evil_annotation_permitted", "许可注释的认证文件上加注释盖住正文：无法判断", lambda: _with_note(note),
               INDETERMINATE, ("CHANGES_UNKNOWN",), trust="licensed"),
        Vector("sneaky_signature_no_changes", "不许改动的认证文件上再加签名", lambda: _forced(none), INVALID,
               trust="licensed"),
        Vector("sneaky_signature_over_the_text", "只许填表的认证文件上新建签名域盖住正文", lambda: _sign(
            fill, "Evil", who=m.rsa, **cover), INVALID, trust="licensed"),
        Vector("sneaky_signature_by_nobody", "新建的签名域盖住正文，签名人无从信任", lambda: _sign(
            fill, "Evil", who=_nobody(), **cover), INVALID, trust="licensed"),
        Vector("sneaky_signature_on_a_plain_signature", "普通签名之后，另一签名新建域盖住正文", lambda: _sign(
            _sign(plain), "Evil", who=m.rsa, **cover), INVALID, ("CHANGES_PIXELS",), trust="licensed"),
        Vector("docmdp_form_filled_although_forbidden", "不许改动的认证文件被填表",
               lambda: surgery.update(none, form.filled(b"paid")), INVALID, trust="licensed"),
        Vector("fieldmdp_locked_field_changed", "签名锁定的文本域在签后被改",
               lambda: surgery.update(locked, form.filled(b"paid")), INVALID, trust="licensed"),
        Vector("docmdp_permission_raised", "更新把认证的许可从 1 改成 3", lambda: _raised(none), INVALID,
               trust="licensed"),
    )  # fmt: skip


def _nobody() -> Any:
    made = Ministry()
    made.middle = Stranger(curve_key("impostor", ec.SECP256R1()), made.middle.certificate)
    return made._issue("Bob Example", curve_key("nobody", ec.SECP256R1()), made.middle)


def _forced(data: bytes) -> bytes:
    """A second signature put on by hand, as pyHanko refuses to."""
    value = surgery.body(data, surgery.number_of(data, b"/ByteRange"))
    fresh = surgery.size_of(data)
    field = form.objects()[form.SECOND_FIELD].removesuffix(b">>") + b"/V %d 0 R >>" % fresh
    return surgery.update(data, {form.SECOND_FIELD: field, fresh: value})


def _raised(data: bytes) -> bytes:
    number = surgery.number_of(data, b"/ByteRange")
    return surgery.update(data, {number: surgery.body(data, number).replace(b"/P 1", b"/P 3")})


def _chains() -> tuple[Vector, ...]:
    m, plain = ministry(), form.blank()
    good = lambda: _sign(plain, stamped=True)  # noqa: E731
    return (
        Vector("chain_revoked_before", "签署之前证书已被吊销", good, INVALID, ("CERT_REVOKED",),
               trust="licensed_bob_revoked_before"),
        Vector("chain_revoked_later", "签署之后证书才被吊销，时间戳证明在先", good, VALID, ("CERT_REVOKED_LATER",),
               trust="licensed_bob_revoked_later", now=T0 + 21 * DAY),
        Vector("chain_revoked_later_without_proof", "证书后来被吊销，没有时间戳证明在先", lambda: _sign(plain),
               INDETERMINATE, ("CERT_REVOKED_NO_PROOF",), trust="licensed_bob_revoked_later", now=T0 + 21 * DAY),
        Vector("chain_revocation_unknown", "没有吊销信息", good, INDETERMINATE, ("REVOCATION_UNKNOWN",),
               trust="licensed_without_crls"),
        Vector("chain_expired_without_proof", "证书已过期，没有时间证明", lambda: _sign(plain), INDETERMINATE,
               ("CERT_EXPIRED",), trust="licensed", now=T0 + 800 * DAY),
        Vector("chain_usage_web_server", "用网站证书签名", lambda: _sign(plain, who=m.web_server), INDETERMINATE,
               ("CERT_USAGE",), trust="root"),
        Vector("chain_unknown_root", "根不在信任之列", lambda: _sign(plain), INDETERMINATE, ("CHAIN_UNKNOWN",)),
        Vector("chain_issued_by_no_authority", "签发者本身不是签发机构", lambda: _sign(plain, who=_by_a_person()),
               INDETERMINATE, ("CHAIN_UNKNOWN",), trust="licensed"),
        Vector("algorithm_sha1", "摘要降级为 SHA-1", lambda: _sign(plain, who=m.rsa, digest="sha1"), INDETERMINATE,
               ("ALGORITHM_WEAK",), trust="licensed"),
        Vector("algorithm_rsa_1024", "RSA 只有 1024 位", lambda: _sign(plain, who=_short_key()), INDETERMINATE,
               ("ALGORITHM_WEAK",), trust="licensed"),
        Vector("bundle_stale", "信任包已过有效期", good, INDETERMINATE, ("TRUST_STALE",), trust="licensed",
               now=T0 + 60 * DAY),
    )  # fmt: skip


def _by_a_person() -> Any:
    m = Ministry()
    return m._issue("Mallory Example", curve_key("mallory", ec.SECP256R1()), m.p256)


def _short_key() -> Any:
    m = Ministry()
    return m._issue("Short Example", rsa.key("short", 1024), m.middle)
