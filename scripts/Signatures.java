// Verifies the signatures of PDF files with PDFBox and Bouncy Castle: the file of trusted certificates (PEM) is the argument,
// names of PDF files come on standard input; a line on standard output for each signature and each timestamp, tab between
// file, field, kind, signature algorithm, "cms" (message digest, signed attributes, signature value) and "chain" (to a
// trusted certificate, at the time of signing). Run as a source file by `java`.

import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.Security;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.apache.pdfbox.pdmodel.interactive.form.PDSignatureField;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.tsp.TimeStampToken;
import org.bouncycastle.util.Store;

@SuppressWarnings("unchecked")
public class Signatures {
    private static Set<TrustAnchor> anchors;

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        System.setProperty("org.apache.commons.logging.Log", "org.apache.commons.logging.impl.NoOpLog");
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader files = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        anchors = readAnchors(arguments[0]);
        for (String file = files.readLine(); file != null; file = files.readLine()) {
            byte[] data = Files.readAllBytes(Path.of(file));
            try (PDDocument document = PDDocument.load(data)) {
                for (PDSignatureField field : document.getSignatureFields()) {
                    if (field.getSignature() != null) {
                        for (String[] line : judge(field.getSignature(), data)) {
                            out.println(file + "\t" + field.getPartialName() + "\t" + String.join("\t", line));
                        }
                    }
                }
            }
        }
    }

    private static List<String[]> judge(PDSignature signature, byte[] data) throws Exception {
        byte[] contents = signature.getContents(data);
        byte[] signed = signature.getSignedContent(data);
        if (signature.getSubFilter().equals("ETSI.RFC3161")) {
            return List.<String[]>of(judgeToken(new TimeStampToken(new CMSSignedData(contents)), signed));
        }
        CMSSignedData message = new CMSSignedData(new CMSProcessableByteArray(signed), contents);
        SignerInformation signer = message.getSignerInfos().getSigners().iterator().next();
        TimeStampToken token = tokenOf(signer);
        Date when = token == null ? new Date() : token.getTimeStampInfo().getGenTime();
        List<String[]> lines = new ArrayList<>();
        lines.add(judge(message.getCertificates(), signer, when, "signature"));
        if (token != null) {
            lines.add(judgeToken(token, signer.getSignature()));
        }
        return lines;
    }

    private static String[] judge(
            Store<X509CertificateHolder> certificates, SignerInformation signer, Date when, String kind) throws Exception {
        X509CertificateHolder own = (X509CertificateHolder) certificates.getMatches(signer.getSID()).iterator().next();
        boolean cms = false;
        try {
            cms = signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(own));
        } catch (org.bouncycastle.cms.CMSException refused) {
            cms = false;
        }
        return new String[] {
            kind, signer.getEncryptionAlgOID(), "cms=" + cms, "chain=" + leadsToAnchor(own, certificates, when)
        };
    }

    private static String[] judgeToken(TimeStampToken token, byte[] stamped) throws Exception {
        SignerInformation signer = token.toCMSSignedData().getSignerInfos().getSigners().iterator().next();
        Date when = token.getTimeStampInfo().getGenTime();
        String[] line = judge(token.getCertificates(), signer, when, "timestamp");
        String name = token.getTimeStampInfo().getMessageImprintAlgOID().getId();
        byte[] digest = MessageDigest.getInstance(name, "BC").digest(stamped);
        if (!Arrays.equals(digest, token.getTimeStampInfo().getMessageImprintDigest())) {
            line[2] = "cms=false";
        }
        return line;
    }

    private static TimeStampToken tokenOf(SignerInformation signer) throws Exception {
        if (signer.getUnsignedAttributes() == null) {
            return null;
        }
        Attribute found = signer.getUnsignedAttributes().get(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken);
        return found == null
                ? null
                : new TimeStampToken(new CMSSignedData(found.getAttrValues().getObjectAt(0).toASN1Primitive().getEncoded()));
    }

    private static boolean leadsToAnchor(
            X509CertificateHolder own, Store<X509CertificateHolder> others, Date when) throws Exception {
        JcaX509CertificateConverter converter = new JcaX509CertificateConverter().setProvider("BC");
        List<X509Certificate> pool = new ArrayList<>();
        for (X509CertificateHolder holder : others.getMatches(null)) {
            pool.add(converter.getCertificate(holder));
        }
        X509CertSelector target = new X509CertSelector();
        target.setCertificate(converter.getCertificate(own));
        PKIXBuilderParameters parameters = new PKIXBuilderParameters(anchors, target);
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(pool), "BC"));
        parameters.setRevocationEnabled(false); // lists are judged by the program under test
        parameters.setDate(when);
        try {
            CertPathBuilder.getInstance("PKIX", "BC").build(parameters);
            return true;
        } catch (java.security.cert.CertPathBuilderException none) {
            return false;
        }
    }

    private static Set<TrustAnchor> readAnchors(String file) throws Exception {
        Set<TrustAnchor> found = new HashSet<>();
        try (InputStream stream = new FileInputStream(new File(file))) {
            for (var one : CertificateFactory.getInstance("X.509", "BC").generateCertificates(stream)) {
                found.add(new TrustAnchor((X509Certificate) one, null));
            }
        }
        return found;
    }
}
