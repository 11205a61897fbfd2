<?php
// A department's PHP client of the hub's SOAP service: SoapClient, made from the published WSDL and nothing else.
// Job and report: lines of name=value (tests/foreign/test_soap_service.py says which).
$job = [];
foreach (explode("\n", trim(stream_get_contents(STDIN))) as $line) {
    [$name, $value] = explode('=', $line, 2);
    $job[$name] = $value;
}
function client(string $wsdl, string $secret): SoapClient {
    return new SoapClient($wsdl, ['cache_wsdl' => WSDL_CACHE_NONE, 'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
        'stream_context' => stream_context_create(['http' => ['header' => "Authorization: Bearer $secret"]])]);
}
function say(string $name, mixed $value): void {
    echo $name, '=', is_bool($value) ? ($value ? 'true' : 'false') : $value, "\n";
}
$sender = client($job['wsdl'], $job['sender']);
$office = client($job['wsdl'], $job['office']);
say('operations', count($sender->__getFunctions()));
$message = ['Key' => $job['key'], 'ContentType' => 'application/json', 'Payload' => base64_decode($job['payload'])];
$first = $sender->SubmitMessage($message);
$again = $sender->SubmitMessage($message);
say('message', $first->Message);
say('replayed', $again->Replayed);
say('same', $first->Document === $again->Document);
try {
    $sender->SubmitMessage(['Payload' => base64_decode($job['other'])] + $message);
} catch (SoapFault $fault) {
    say('fault', $fault->detail->Refusal->Code);
    say('faultcode', $fault->faultcode);
    say('advice', $fault->detail->Refusal->Text[0]->Advice);
}
say('kind', $sender->AskStatus(['Of' => 'message', 'Id' => $first->Message])->Message[0]->Kind);
$letter = $office->FetchPending(['Limit' => 10])->Letter[0];
say('letter', $letter->Transfer);
$got = $office->GetMessage(['Transfer' => $letter->Transfer]);
say('content', base64_encode($got->Payload));
$answer = ['Transfer' => $letter->Transfer, 'Digest' => $got->Digest];
say('settled', $office->Acknowledge($answer)->State);
say('resettled', $office->Acknowledge($answer)->Replayed);
$file = ['Name' => 'Kết quả.pdf', 'ContentType' => 'application/pdf', 'Content' => base64_decode($job['file'])];
$result = ['Key' => $job['result_key'], 'ContentType' => 'application/json', 'Payload' => base64_decode($job['result']), 'File' => [$file]];
say('result', $sender->SendResult($result)->Message);
try {
    $office->GetMessage(['Transfer' => 'nothing']);
} catch (SoapFault $fault) {
    say('gone', $fault->detail->Refusal->Code);
}
