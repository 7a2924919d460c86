// Validates PDF files with the veraPDF engine: names of files on standard input, on standard output a line for each
// file, profile and failed rule (tab between them; the rule is empty where none failed). Run as a source file by `java`.

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.logging.LogManager;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.validation.profiles.Profiles;
import org.verapdf.pdfa.validation.profiles.ValidationProfile;

public class Conformance {
    private static final String[] PROFILES = {"PDFA-3A", "PDFUA-1"};

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader files = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        LogManager.getLogManager().reset(); // the engine remarks on fonts it accepts
        VeraGreenfieldFoundryProvider.initialise();
        Map<String, ValidationProfile> profiles = new TreeMap<>();
        for (String name : PROFILES) {
            profiles.put(name, profile(name));
        }
        for (String file = files.readLine(); file != null; file = files.readLine()) {
            for (var profile : profiles.entrySet()) {
                for (String rule : failed(file, profile.getValue())) {
                    out.println(file + "\t" + profile.getKey() + "\t" + rule);
                }
            }
        }
    }

    // The engine's own directory of profiles is empty in this packaging; the profiles themselves are in the jar.
    private static ValidationProfile profile(String name) throws Exception {
        try (InputStream xml = Profiles.class.getResourceAsStream("/org/verapdf/pdfa/validation/" + name + ".xml")) {
            return Profiles.profileFromXml(xml);
        }
    }

    private static Set<String> failed(String file, ValidationProfile profile) throws Exception {
        Set<String> rules = new TreeSet<>();
        try (InputStream pdf = new FileInputStream(file);
                PDFAParser parser = Foundries.defaultInstance().createParser(pdf, profile.getPDFAFlavour())) {
            var result = Foundries.defaultInstance().createValidator(profile, false).validate(parser);
            for (TestAssertion one : result.getTestAssertions()) {
                if (one.getStatus() == TestAssertion.Status.FAILED) {
                    rules.add(one.getRuleId().getClause() + "-" + one.getRuleId().getTestNumber() + " " + one.getMessage());
                }
            }
            if (rules.isEmpty()) {
                rules.add(result.isCompliant() ? "" : "not compliant");
            }
        }
        return rules;
    }
}
