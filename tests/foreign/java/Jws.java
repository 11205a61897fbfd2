import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Map;

/** A detached compact JWS (RFC 7515 appendix F) by the JDK's own signature operations. */
final class Jws {
    private Jws() {
    }

    static String verify(Map<String, byte[]> job) throws Exception {
        String[] parts = Peer.text(job, "token").split("\\.", -1);
        X509Certificate certificate = Pem.certificate(job.get("certificate"));
        Signature verifier = operation(certificate);
        verifier.initVerify(certificate);
        verifier.update(input(parts[0], job.get("document")));
        boolean good = parts.length == 3 && parts[1].isEmpty() && verifier.verify(Base64.getUrlDecoder().decode(parts[2]));
        return good ? Peer.good(new String(Base64.getUrlDecoder().decode(parts[0]), StandardCharsets.UTF_8)) : Peer.bad("signature");
    }

    static String sign(Map<String, byte[]> job) throws Exception {
        X509Certificate certificate = Pem.certificate(job.get("certificate"));
        Signature signer = operation(certificate);
        signer.initSign(Pem.key(Peer.text(job, "key"), certificate));
        String header = encoded(job.get("header"));
        signer.update(input(header, job.get("document")));
        return Peer.done((header + ".." + encoded(signer.sign())).getBytes(StandardCharsets.US_ASCII));
    }

    /** The token's own signature, and that it names the body's digest. */
    static String verifyModi(Map<String, byte[]> job) throws Exception {
        String[] parts = Peer.text(job, "token").split("\\.", -1);
        X509Certificate certificate = Pem.certificate(job.get("certificate"));
        Signature verifier = operation(certificate);
        verifier.initVerify(certificate);
        verifier.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
        String claims = new String(Base64.getUrlDecoder().decode(parts[1]), StandardCharsets.UTF_8);
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(job.get("document"));
        boolean good = parts.length == 3 && verifier.verify(Base64.getUrlDecoder().decode(parts[2]))
                && claims.contains("\"SHA-256=" + Base64.getEncoder().encodeToString(digest) + "\"");
        return good ? Peer.good(claims) : Peer.bad("signature or digest");
    }

    private static Signature operation(X509Certificate certificate) throws Exception {
        boolean curve = certificate.getPublicKey().getAlgorithm().equals("EC");
        return Signature.getInstance(curve ? "SHA256withECDSAinP1363Format" : "SHA256withRSA");
    }

    private static byte[] input(String header, byte[] body) {
        return (header + "." + encoded(body)).getBytes(StandardCharsets.US_ASCII);
    }

    private static String encoded(byte[] data) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(data);
    }
}
