// A department's node client of the hub's SOAP service: the package soap, made from the published WSDL and nothing else.
// Job and report: lines of name=value (tests/foreign/test_soap_service.py says which). Usage: node service.mjs <folder with node_modules>
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const soap = createRequire(process.argv[2] + "/")("soap");
const job = Object.fromEntries(readFileSync(0, "utf8").trim().split("\n").map((line) => {
  const equals = line.indexOf("=");
  return [line.slice(0, equals), line.slice(equals + 1)];
}));
const say = (name, value) => console.log(`${name}=${value}`);
const client = async (secret) => {
  const made = await soap.createClientAsync(job.wsdl);
  made.setSecurity(new soap.BearerSecurity(secret));
  return made;
};
const refusal = async (call) => {
  try {
    await call;
  } catch (error) {
    return error.root.Envelope.Body.Fault;
  }
  throw new Error("not refused");
};

const [sender, office] = await Promise.all([client(job.sender), client(job.office)]);
say("operations", Object.keys(sender.describe().Lienthong.LienthongPort).length);
const message = { Key: job.key, ContentType: "application/json", Payload: job.payload };
const [first] = await sender.SubmitMessageAsync(message);
const [again] = await sender.SubmitMessageAsync(message);
say("message", first.Message);
say("replayed", again.Replayed);
say("same", first.Document === again.Document);
const fault = await refusal(sender.SubmitMessageAsync({ ...message, Payload: job.other }));
say("fault", fault.detail.Refusal.Code);
say("faultcode", fault.faultcode);
say("advice", fault.detail.Refusal.Text[0].Advice);
const [status] = await sender.AskStatusAsync({ Of: "message", Id: first.Message });
say("kind", status.Message[0].Kind);
const [page] = await office.FetchPendingAsync({ Limit: 10 });
const letter = page.Letter[0].Transfer;
say("letter", letter);
const [got] = await office.GetMessageAsync({ Transfer: letter });
say("content", got.Payload);
const answer = { Transfer: letter, Digest: got.Digest };
say("settled", (await office.AcknowledgeAsync(answer))[0].State);
say("resettled", (await office.AcknowledgeAsync(answer))[0].Replayed);
const file = { Name: "Kết quả.pdf", ContentType: "application/pdf", Content: job.file };
const [result] = await sender.SendResultAsync({ Key: job.result_key, ContentType: "application/json", Payload: job.result, File: [file] });
say("result", result.Message);
say("gone", (await refusal(office.GetMessageAsync({ Transfer: "nothing" }))).detail.Refusal.Code);
