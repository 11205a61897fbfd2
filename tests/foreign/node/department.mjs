// The land department's service of schemas/wsdl/land as a node department would write it: the package soap and the WSDL.
// Usage: node department.mjs <folder with node_modules> <wsdl> <port>
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [, , modules, wsdl, port] = process.argv;
const soap = createRequire(modules + "/")("soap");
const known = new Map();
const answer = (code, key) => ({ Ma: code, ThongDiep: "Trả lời", MaGiaoDich: key });

function refused(text, request) {
  const old = { faultcode: "soap:Client.Duplicate", faultstring: text, statusCode: 500 };
  const new_ = { Code: { Value: "soap:Sender" }, Reason: { Text: text }, statusCode: 500 };
  return { Fault: request.url.startsWith("/1.2/") ? new_ : old };
}

function receive(dossier, _callback, _headers, request) {
  const key = dossier.MaGiaoDich;
  const content = JSON.stringify(dossier);
  if (known.has(key) && known.get(key) !== content) {
    throw refused("MaGiaoDich đã dùng cho nội dung khác", request);
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
const services = { LandService: { LandSoap11: port_, LandSoap12: port_ } };
const text = readFileSync(wsdl, "utf8");
soap.listen(server, { path: "/1.1/land", services, xml: text });
soap.listen(server, { path: "/1.2/land", services, xml: text, forceSoap12Headers: true });
