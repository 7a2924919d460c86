"""说明.txt of an evidence package: how anyone checks it with programs that are not ours."""

TEXT = """证据包说明

本包共有文书 {count} 份，{time}（UTC）生成。包内每个文件的 SHA-256 见 清单.json。
{paper}不需要本系统，也不需要联网，即可核对。以下命令在解压后的文件夹中运行。

一、包内文件
  documents/     签署完毕的文书（PDF，文件名为档号）
  receipts/      存证回执（C2SP tlog-proof）：证明该文书记入了存证日志
  process/       办理过程：每一步的存证条目，前后以散列相接，末条即回执中的条目
  metadata/      档案元数据
  reports/       生成本包时的验证报告（JSON）
  certificates/  签名人、签发机构、时间戳机构的证书（PEM）
  crls/          证书吊销列表（DER）
  timestamps/    文书中的时间戳（DER），digests.txt 写明各自所盖的摘要
  anchors/       存证日志的每日检查点及其时间戳，和以该检查点为准的回执
  log/           存证日志的公钥（log.vkey）、见证方的公钥（有见证方时）和生成本包时的检查点
  trust/         信任包（本系统验证时使用）及其公钥

二、核对电子签名（poppler 的 pdfsig）
  pdfsig -nocert "documents/档号.pdf"
  每个签名都应为 Signature is Valid。末尾的文档时间戳 pdfsig 不作判断，见第四条。

三、核对证书（openssl）
  openssl verify -CAfile certificates/issuing_ca.pem certificates/签名人证书.pem
  openssl crl -inform DER -in crls/文件名.crl -noout -text

{remark}四、核对时间戳（openssl）
  openssl ts -verify -token_in -in timestamps/文件名.tst -digest 摘要 -CAfile certificates/tsa_ca.pem
  摘要见 timestamps/digests.txt。证书到期以后，加 -attime 以当时的时间核对。

五、核对存证（任何 C2SP tlog 客户端，或按下列步骤自行计算）
  1. 回执空行以后是检查点：第一行为日志名称，第二行为条数，第三行为根散列；其后为签名。
     用 log/log.vkey 中的 Ed25519 公钥核对签名（https://c2sp.org/signed-note）。
  2. 回执 extra 行解码（base64）后是存证条目，其中 file.sha256 应等于 PDF 的 SHA-256：
     sha256sum "documents/档号.pdf"
  3. 条目的叶散列为 SHA-256(0x00 ‖ 条目)，按回执中的路径逐级计算（RFC 6962），应得根散列。
  4. 见证方的联署也在检查点的签名行中，公钥见 log/witnesses.vkey（有见证方时），应向见证方索取比对。

六、核对每日时间戳（有 anchors/ 时）
  head -n 3 anchors/条数 > text
  openssl ts -verify -data text -in anchors/条数.tsr -CAfile certificates/tsa_ca.pem
  续加的时间戳（.tsr.2 等）盖在 text 与此前各 .tsr 首尾相接的内容上。

七、核对办理过程
  process/ 中每条的 prev 等于前一条的叶散列；末条与回执 extra 行相同。

日志公钥和信任包公钥应另从发文机关取得，与包内的比对；只用包内的公钥，证明不了本包不是他人伪造的。
"""

PAPER = """其中 {paper} 份为纸质签订：documents/ 中是纸面签署件的扫描件（PDF 或 JPG），不含电子签名；
issued/ 中是当时打印的制发件，只有发文机关的电子印章。扫描件由一人登记、另一人核对确认后记入存证日志，
回执证明的是扫描件。下列第二至四条只适用于 issued/ 中的制发件，reports/ 中也是制发件的验证报告。
"""


def text(count: int, time: str, remark: str = "", paper: int = 0) -> bytes:
    """Return the text for a package of `count` documents, `paper` of them scans.

    `remark` says what their algorithms ask of other programs.
    """
    told = f"  注意：{remark}\n\n" if remark else ""
    scans = PAPER.format(paper=paper) if paper else ""
    return TEXT.format(count=count, time=time, remark=told, paper=scans).encode()
