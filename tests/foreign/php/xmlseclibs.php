<?php
// XML signatures by xmlseclibs. One process for a whole run of the tests: a job in each line of standard input (pairs of
// name=base64, parted by tabs), its answer in a line of standard output: good, bad or done, a tab, base64.
// Usage: php xmlseclibs.php <path of xmlseclibs.php>
declare(strict_types=1);

use RobRichards\XMLSecLibs\XMLSecurityDSig;
use RobRichards\XMLSecLibs\XMLSecurityKey;

require $argv[1];

const WSU = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd';

function read(string $line): array
{
    $job = [];
    foreach (explode("\t", rtrim($line, "\n")) as $field) {
        [$name, $value] = explode('=', $field, 2);
        $job[$name] = base64_decode($value, true);
    }
    return $job;
}

function parse(string $raw): DOMDocument
{
    $document = new DOMDocument();
    if (!$document->loadXML($raw, LIBXML_NONET)) {
        throw new Exception('not well-formed');
    }
    return $document;
}

function verify(array $job): array
{
    $document = parse($job['document']);
    $signature = new XMLSecurityDSig();
    $signature->idKeys = ['wsu:Id', 'Id', 'ID', 'id'];
    $signature->idNS = ['wsu' => WSU];
    if (!$signature->locateSignature($document)) {
        return ['bad', 'no signature'];
    }
    $signature->canonicalizeSignedInfo();
    $key = $signature->locateKey();
    if (!$key) {
        return ['bad', 'no key for this algorithm'];
    }
    $key->loadKey($job['certificate'], false, true);
    if ($signature->verify($key) !== 1) {
        return ['bad', 'signature'];
    }
    $signature->validateReference();
    return ['good', implode(' ', array_keys($signature->getValidatedNodes() ?? []))];
}

function sign(array $job): array
{
    $document = parse($job['document']);
    $root = $document->documentElement;
    $whole = $job['reference'] === '';
    $signature = new XMLSecurityDSig();
    $signature->setCanonicalMethod(XMLSecurityDSig::EXC_C14N);
    $beside = isset($job['beside']);
    $signature->addReference(
        $whole ? $document : ($beside ? $root->firstChild : $root),
        XMLSecurityDSig::SHA256,
        $beside
            ? [XMLSecurityDSig::EXC_C14N]
            : ['http://www.w3.org/2000/09/xmldsig#enveloped-signature', XMLSecurityDSig::EXC_C14N],
        $whole ? ['force_uri' => true] : ['id_name' => 'Id', 'overwrite' => false]
    );
    $key = new XMLSecurityKey(XMLSecurityKey::RSA_SHA256, ['type' => 'private']);
    $key->loadKey($job['key']);
    $signature->sign($key);
    $signature->add509Cert($job['certificate']);
    $signature->appendSignature($root);
    return ['done', $document->saveXML($root)];
}

libxml_use_internal_errors(true);
while (($line = fgets(STDIN)) !== false) {
    $job = read($line);
    try {
        [$word, $said] = match ($job['verb']) {
            'verify' => verify($job),
            'sign' => sign($job),
        };
    } catch (Throwable $error) {
        [$word, $said] = ['bad', $error->getMessage()];
    }
    libxml_clear_errors();
    fwrite(STDOUT, $word . "\t" . base64_encode($said) . "\n");
    fflush(STDOUT);
}
