// The land department's service of schemas/wsdl/land as a node department would write it: the package soap and the WSDL.
// Usage: node department.mjs <folder with node_modules> <wsdl> <port>
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [, , modules, wsdl, port] = process.argv;
const soap = createRequire(modules + "/")("soap");
const known = new Map();
const answer = (code, key) => ({ Ma: code, ThongDiep: "Trả lời", MaGiaoDich: key });

function receive(dossier) {
  const key = dossier.MaGiaoDich;
  const content = JSON.stringify(dossier);
  if (known.has(key) && known.get(key) !== content) {
    throw { Fault: { faultcode: "soap:Client.Duplicate", faultstring: "MaGiaoDich đã dùng cho nội dung khác", statusCode: 500 } };
  }
  const before = known.has(key);
  known.set(key, content);
  return { ...answer(before ? "1" : "0", key), SoTiepNhan: `NODE-${dossier.SoBienNhan}` };
}

const port_ = {
  TiepNhanHoSo: receive,
  TraCuuGiaoDich: (question) => answer(known.has(question.MaGiaoDich) ? "0" : "2", question.MaGiaoDich),
};
const server = createServer((_, response) => response.writeHead(404).end());
server.listen(Number(port), "127.0.0.1");
soap.listen(server, "/land", { LandService: { LandSoap11: port_, LandSoap12: port_ } }, readFileSync(wsdl, "utf8"));
