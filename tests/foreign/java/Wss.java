import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.security.cert.X509Certificate;
import org.apache.ws.security.WSConstants;
import org.apache.ws.security.WSDataRef;
import org.apache.ws.security.WSEncryptionPart;
import org.apache.ws.security.WSSConfig;
import org.apache.ws.security.WSSecurityEngine;
import org.apache.ws.security.WSSecurityEngineResult;
import org.apache.ws.security.components.crypto.Merlin;
import org.apache.ws.security.message.WSSecHeader;
import org.apache.ws.security.message.WSSecSignature;
import org.apache.ws.security.message.WSSecTimestamp;
import org.w3c.dom.Document;

/** WS-Security by Apache WSS4J: signature, certificate path to a root, Timestamp, the Basic Security Profile's rules. */
final class Wss {
    private static final String MORE = "http://www.w3.org/2001/04/xmldsig-more#";
    private static final Map<String, Integer> KEY_REFERENCES = Map.of(
            "token", WSConstants.BST_DIRECT_REFERENCE,
            "key-identifier", WSConstants.SKI_KEY_IDENTIFIER,
            "issuer-serial", WSConstants.ISSUER_SERIAL,
            "thumbprint", WSConstants.THUMBPRINT_IDENTIFIER);

    static {
        WSSConfig.init();
    }

    private Wss() {
    }

    static String verify(Map<String, byte[]> job) throws Exception {
        KeyStore roots = store();
        roots.setCertificateEntry("root", Pem.certificate(job.get("root")));
        KeyStore known = store(); // where a certificate that the message only names is looked up
        known.setCertificateEntry("seal", Pem.certificate(job.get("certificate")));
        Merlin crypto = new Merlin();
        crypto.setTrustStore(roots);
        crypto.setKeyStore(known);
        WSSecurityEngine engine = new WSSecurityEngine();
        engine.setWssConfig(WSSConfig.getNewInstance());
        Document document = Dsig.parse(job.get("document"));
        List<WSSecurityEngineResult> results = engine.processSecurityHeader(document, null, null, crypto);
        List<String> signed = new ArrayList<>();
        for (WSSecurityEngineResult result : results == null ? List.<WSSecurityEngineResult>of() : results) {
            @SuppressWarnings("unchecked")
            List<WSDataRef> references = (List<WSDataRef>) result.get(WSSecurityEngineResult.TAG_DATA_REF_URIS);
            for (WSDataRef reference : references == null ? List.<WSDataRef>of() : references) {
                signed.add(reference.getName().getLocalPart());
            }
        }
        return signed.isEmpty() ? Peer.bad("nothing is signed") : Peer.good(String.join(" ", signed));
    }

    /** Sign Body, Timestamp, token and the WS-Addressing headers that are there; {@code by} says how the key is named. */
    static String sign(Map<String, byte[]> job) throws Exception {
        X509Certificate certificate = Pem.certificate(job.get("certificate"));
        KeyStore keys = store();
        keys.setKeyEntry("seal", Pem.key(Peer.text(job, "key"), certificate), "x".toCharArray(), new X509Certificate[] {certificate});
        Merlin crypto = new Merlin();
        crypto.setKeyStore(keys);
        Document document = Dsig.parse(job.get("document"));
        WSSecHeader header = new WSSecHeader();
        header.insertSecurityHeader(document);
        WSSecTimestamp stamp = new WSSecTimestamp();
        stamp.setTimeToLive(300);
        stamp.build(document, header);
        WSSecSignature signature = new WSSecSignature();
        signature.setUserInfo("seal", "x");
        signature.setKeyIdentifierType(KEY_REFERENCES.get(Peer.text(job, "by")));
        signature.setSigCanonicalization(WSConstants.C14N_EXCL_OMIT_COMMENTS);
        signature.setSignatureAlgorithm(MORE + (certificate.getPublicKey().getAlgorithm().equals("EC") ? "ecdsa" : "rsa") + "-sha256");
        signature.setDigestAlgo("http://www.w3.org/2001/04/xmlenc#sha256");
        signature.prepare(document, crypto, header);
        List<WSEncryptionPart> parts = parts(document);
        if (Peer.text(job, "by").equals("token")) {
            signature.prependBSTElementToHeader(header); // it must be there before it can be signed
            parts.add(new WSEncryptionPart(signature.getBSTTokenId()));
        }
        signature.computeSignature(signature.addReferencesToSign(parts, header));
        return Peer.done(Dsig.bytes(document));
    }

    private static List<WSEncryptionPart> parts(Document document) {
        List<WSEncryptionPart> parts = new ArrayList<>();
        parts.add(new WSEncryptionPart("Body", document.getDocumentElement().getNamespaceURI(), "Element"));
        parts.add(new WSEncryptionPart("Timestamp", WSConstants.WSU_NS, "Element"));
        String addressing = "http://www.w3.org/2005/08/addressing";
        for (String name : List.of("To", "Action", "MessageID", "ReplyTo", "RelatesTo")) {
            if (document.getElementsByTagNameNS(addressing, name).getLength() > 0) {
                parts.add(new WSEncryptionPart(name, addressing, "Element"));
            }
        }
        return parts;
    }

    private static KeyStore store() throws Exception {
        KeyStore store = KeyStore.getInstance("JKS");
        store.load(null, null);
        return store;
    }
}
