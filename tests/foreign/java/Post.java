import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** One POST as programs make it with what Java itself has: what they say nothing of, it says for them. */
final class Post {
    private static final int PATIENCE = 30_000;

    private Post() {}

    /** Good: the status and the body, parted by a line; bad: Java made an exception of the answer. */
    static String send(Map<String, byte[]> job) throws Exception {
        HttpURLConnection to = (HttpURLConnection) new URL(Peer.text(job, "url")).openConnection();
        to.setConnectTimeout(PATIENCE);
        to.setReadTimeout(PATIENCE);
        to.setRequestMethod("POST");
        to.setDoOutput(true);
        to.setRequestProperty("Accept", "application/json");
        if (job.containsKey("token")) {
            to.setRequestProperty("Authorization", "Bearer " + Peer.text(job, "token"));
            to.setRequestProperty("Content-Type", "application/json");
        }
        try (OutputStream out = to.getOutputStream()) {
            out.write(job.get("body"));
        }
        try (InputStream in = to.getInputStream()) {
            String said = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            return Peer.good(to.getResponseCode() + "\n" + said);
        } finally {
            to.disconnect();
        }
    }
}
