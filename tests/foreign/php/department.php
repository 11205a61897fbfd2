<?php
// The land department's service of schemas/wsdl/land as a PHP department would write it: SoapServer and the WSDL.
// Run: LAND_WSDL=… LAND_STATE=<folder> php -S 127.0.0.1:9002 department.php
class Land {
    public function TiepNhanHoSo($dossier) {
        $known = getenv('LAND_STATE') . '/' . sha1($dossier->MaGiaoDich);
        $content = json_encode($dossier);
        if (file_exists($known) && file_get_contents($known) !== $content) {
            throw new SoapFault(str_starts_with($_SERVER['CONTENT_TYPE'], 'text/xml') ? 'Client.Duplicate' : 'Sender', 'MaGiaoDich đã dùng cho nội dung khác');
        }
        $before = file_exists($known);
        file_put_contents($known, $content);
        return $this->answer($before ? '1' : '0', $dossier->MaGiaoDich) + ['SoTiepNhan' => 'PHP-' . $dossier->SoBienNhan];
    }

    public function TraCuuGiaoDich($question) {
        $known = getenv('LAND_STATE') . '/' . sha1($question->MaGiaoDich);
        return $this->answer(file_exists($known) ? '0' : '2', $question->MaGiaoDich);
    }

    private function answer(string $code, string $key): array {
        return ['Ma' => $code, 'ThongDiep' => 'Trả lời', 'MaGiaoDich' => $key];
    }
}
$old = str_starts_with($_SERVER['CONTENT_TYPE'] ?? '', 'text/xml');
$server = new SoapServer(getenv('LAND_WSDL'), ['cache_wsdl' => WSDL_CACHE_NONE, 'soap_version' => $old ? SOAP_1_1 : SOAP_1_2]);
$server->setClass('Land');
$server->handle();
