import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.xml.crypto.Data;
import javax.xml.crypto.KeySelector;
import javax.xml.crypto.OctetStreamData;
import javax.xml.crypto.URIDereferencer;
import javax.xml.crypto.dom.DOMCryptoContext;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.DigestMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignatureMethod;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Attr;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/** XML signatures by the JDK's own javax.xml.crypto, with its secure validation unless a job says {@code secure=no}. */
final class Dsig {
    private static final String SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    private static final String MORE = "http://www.w3.org/2001/04/xmldsig-more#";
    private static final XMLSignatureFactory FACTORY = XMLSignatureFactory.getInstance("DOM");

    private Dsig() {
    }

    /** Verify the first Signature against the one certificate that the job pins; answer the references that it covers. */
    static String verify(Map<String, byte[]> job) throws Exception {
        Document document = parse(job.get("document"));
        NodeList found = document.getElementsByTagNameNS(XMLSignature.XMLNS, "Signature");
        if (found.getLength() == 0) {
            return Peer.bad("no signature");
        }
        X509Certificate certificate = Pem.certificate(job.get("certificate"));
        DOMValidateContext context = new DOMValidateContext(KeySelector.singletonKeySelector(certificate.getPublicKey()), found.item(0));
        context.setProperty("org.jcp.xml.dsig.secureValidation", !Peer.text(job, "secure").equals("no"));
        markIds(document, context);
        context.setURIDereferencer(contents(job));
        XMLSignature signature = FACTORY.unmarshalXMLSignature(context);
        boolean valid = signature.validate(context);
        List<String> covered = new ArrayList<>();
        for (Object each : signature.getSignedInfo().getReferences()) {
            Reference reference = (Reference) each;
            covered.add("'" + reference.getURI() + "'" + (reference.validate(context) ? "" : " FAILED"));
        }
        String told = String.join(" ", covered);
        return valid ? Peer.good(told) : Peer.bad("value " + signature.getSignatureValue().validate(context) + ", " + told);
    }

    /** Sign by exclusive C14N: enveloped, over the whole document or over the id in {@code reference}. */
    static String sign(Map<String, byte[]> job) throws Exception {
        Document document = parse(job.get("document"));
        X509Certificate certificate = Pem.certificate(job.get("certificate"));
        PrivateKey key = Pem.key(Peer.text(job, "key"), certificate);
        boolean old = job.containsKey("sha1");
        List<Transform> transforms = new ArrayList<>();
        if (!job.containsKey("beside")) {
            transforms.add(FACTORY.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null));
        }
        transforms.add(FACTORY.newTransform(CanonicalizationMethod.EXCLUSIVE, (TransformParameterSpec) null));
        Reference reference = FACTORY.newReference(
                Peer.text(job, "reference"), FACTORY.newDigestMethod(old ? DigestMethod.SHA1 : SHA256, null), transforms, null, null);
        SignedInfo information = FACTORY.newSignedInfo(
                FACTORY.newCanonicalizationMethod(CanonicalizationMethod.EXCLUSIVE, (C14NMethodParameterSpec) null),
                FACTORY.newSignatureMethod(old ? SignatureMethod.RSA_SHA1 : MORE + (key.getAlgorithm().equals("EC") ? "ecdsa" : "rsa") + "-sha256", null),
                List.of(reference));
        KeyInfoFactory keys = FACTORY.getKeyInfoFactory();
        KeyInfo shown = keys.newKeyInfo(List.of(keys.newX509Data(List.of(certificate))));
        String into = Peer.text(job, "into");
        Node parent = into.isEmpty() ? document.getDocumentElement() : document.getElementsByTagNameNS("*", into).item(0);
        DOMSignContext context = new DOMSignContext(key, parent);
        markIds(document, context);
        FACTORY.newXMLSignature(information, shown).sign(context);
        return Peer.done(bytes(document));
    }

    static Document parse(byte[] raw) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder().parse(new ByteArrayInputStream(raw));
    }

    static byte[] bytes(Document document) throws Exception {
        Transformer transformer = TransformerFactory.newInstance().newTransformer();
        transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        transformer.transform(new DOMSource(document), new StreamResult(out));
        return out.toByteArray();
    }

    private static void markIds(Document document, DOMCryptoContext context) {
        NodeList elements = document.getElementsByTagNameNS("*", "*");
        for (int index = 0; index < elements.getLength(); index++) {
            Element element = (Element) elements.item(index);
            NamedNodeMap attributes = element.getAttributes();
            for (int at = 0; at < attributes.getLength(); at++) {
                Attr attribute = (Attr) attributes.item(at);
                if (attribute.getLocalName().equalsIgnoreCase("id")) {
                    context.setIdAttributeNS(element, attribute.getNamespaceURI(), attribute.getLocalName());
                }
            }
        }
    }

    /** What a detached signature covers comes with the job, by its URI. */
    private static URIDereferencer contents(Map<String, byte[]> job) {
        URIDereferencer usual = FACTORY.getURIDereferencer();
        return (reference, context) -> {
            byte[] content = job.get("content:" + reference.getURI());
            Data data = content == null ? usual.dereference(reference, context) : new OctetStreamData(new ByteArrayInputStream(content));
            return data;
        };
    }
}
