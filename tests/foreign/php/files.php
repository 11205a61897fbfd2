<?php
// A department that wants files and its key inside the envelope, as a PHP department would write it: SoapServer and the WSDL.
// Run: FILES_WSDL=… php -S 127.0.0.1:9003 files.php
class Files {
    private string $who = '';

    public function AuthHeader($told) {
        $this->who = $told->Username . '/' . $told->Password;
    }

    public function NopHoSo($dossier) {
        $files = $dossier->TaiLieu ?? [];
        $seen = array_map(
            fn ($file) => $file->Ten . '=' . hash('sha256', $file->NoiDung), is_array($files) ? $files : [$files]
        );
        return ['Ma' => '0', 'Thay' => implode('|', [$dossier->AcceptKey, $this->who, ...$seen])];
    }
}
$twelve = str_starts_with($_SERVER['CONTENT_TYPE'] ?? '', 'application/soap+xml');
$server = new SoapServer(getenv('FILES_WSDL'), ['cache_wsdl' => WSDL_CACHE_NONE, 'soap_version' => $twelve ? SOAP_1_2 : SOAP_1_1]);
$server->setClass('Files');
$server->handle();
