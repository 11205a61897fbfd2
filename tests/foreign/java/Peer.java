import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

/**
 * One virtual machine for a whole run of the tests: a job in each line of standard input, its answer in a line of
 * standard output. A job is name=base64 pairs parted by tabs; an answer is good, bad or done, a tab, and base64.
 */
public final class Peer {
    interface Work {
        String run(Map<String, byte[]> job) throws Exception;
    }

    private static final Map<String, Work> WORK = Map.of(
            "jdk verify", Dsig::verify,
            "jdk sign", Dsig::sign,
            "jdk post", Post::send,
            "jdk verify-jws", Jws::verify,
            "jdk sign-jws", Jws::sign,
            "jdk verify-modi", Jws::verifyModi,
            "wss4j verify", Wss::verify,
            "wss4j sign", Wss::sign);

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
        System.setOut(System.err); // libraries may print; only answers go to standard output
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(read(line)));
        }
    }

    private static String answer(Map<String, byte[]> job) {
        Work work = WORK.get(text(job, "who") + " " + text(job, "verb"));
        try {
            return work == null ? bad("no such work") : work.run(job);
        } catch (Exception error) {
            return bad(error.toString());
        }
    }

    private static Map<String, byte[]> read(String line) {
        Map<String, byte[]> job = new HashMap<>();
        for (String field : line.split("\t")) {
            int equals = field.indexOf('=');
            job.put(field.substring(0, equals), Base64.getDecoder().decode(field.substring(equals + 1)));
        }
        return job;
    }

    static String text(Map<String, byte[]> job, String name) {
        return new String(job.getOrDefault(name, new byte[0]), StandardCharsets.UTF_8);
    }

    static String good(String said) {
        return "good\t" + encoded(said.getBytes(StandardCharsets.UTF_8));
    }

    static String bad(String why) {
        return "bad\t" + encoded(why.getBytes(StandardCharsets.UTF_8));
    }

    static String done(byte[] made) {
        return "done\t" + encoded(made);
    }

    private static String encoded(byte[] data) {
        return Base64.getEncoder().encodeToString(data);
    }
}
