/* A department's gSOAP client of the hub's SOAP service: the stubs are what wsdl2h and soapcpp2 make of the published WSDL.
   Job and report: lines of name=value (tests/foreign/test_soap_service.py says which). Files go, and their answer comes, by MTOM. */
#include "LienthongSoap11.nsmap"
#include "soapH.h"

static char *lines[32];
static int count;

static const char *job(const char *name) {
  size_t length = strlen(name);
  for (int i = 0; i < count; i++)
    if (!strncmp(lines[i], name, length) && lines[i][length] == '=') return lines[i] + length + 1;
  exit(2);
}

static void say(const char *name, const char *value) { printf("%s=%s\n", name, value); }

static struct xsd__base64Binary content(struct soap *soap, const char *name) {
  struct xsd__base64Binary made = {0};
  made.__ptr = (unsigned char *)soap_base642s(soap, job(name), NULL, 0, &made.__size);
  return made;
}

/* Speak as this caller in the next call. */
static struct soap *as(struct soap *soap, const char *who) {
  static char header[256];
  snprintf(header, sizeof header, "Authorization: Bearer %s", job(who));
  soap->http_extra_header = header;
  return soap;
}

static void fine(struct soap *soap, int status) {
  if (status == SOAP_OK) return;
  soap_print_fault(soap, stderr);
  exit(1);
}

static struct _hub1__Refusal *refusal(struct soap *soap, int status) {
  if (status == SOAP_OK || !soap->fault || !soap->fault->detail || !soap->fault->detail->hub1__Refusal) {
    soap_print_fault(soap, stderr);
    exit(1);
  }
  return soap->fault->detail->hub1__Refusal;
}

int main(void) {
  size_t size = 0;
  for (count = 0; count < 32; count++) {
    lines[count] = NULL;
    ssize_t got = getline(&lines[count], &size, stdin);
    if (got < 0) break;
    lines[count][strcspn(lines[count], "\n")] = 0;
    size = 0;
  }
  struct soap *soap = soap_new1(SOAP_C_UTFSTRING);
  const char *url = job("url");

  struct _hub1__SubmitMessage message = {0};
  message.Key = (char *)job("key");
  message.ContentType = "application/json";
  message.Payload = content(soap, "payload");
  struct hub1__Receipt first, again;
  fine(soap, soap_call___hub1__SubmitMessage(as(soap, "sender"), url, NULL, &message, &first));
  fine(soap, soap_call___hub1__SubmitMessage(as(soap, "sender"), url, NULL, &message, &again));
  say("message", first.Message);
  say("replayed", again.Replayed ? "true" : "false");
  int same = first.Document.__size == again.Document.__size && !memcmp(first.Document.__ptr, again.Document.__ptr, first.Document.__size);
  say("same", same ? "true" : "false");

  message.Payload = content(soap, "other");
  struct hub1__Receipt none;
  struct _hub1__Refusal *no = refusal(soap, soap_call___hub1__SubmitMessage(as(soap, "sender"), url, NULL, &message, &none));
  say("fault", no->Code);
  say("faultcode", soap->fault->faultcode);
  say("advice", no->Text[0].Advice);

  struct _hub1__AskStatus ask = {hub1__About__message, first.Message};
  struct _hub1__AskStatusResponse status;
  fine(soap, soap_call___hub1__AskStatus(as(soap, "sender"), url, NULL, &ask, &status));
  say("kind", status.Message[0].Kind);

  int limit = 10;
  struct _hub1__FetchPending pending = {NULL, &limit};
  struct _hub1__FetchPendingResponse page;
  fine(soap, soap_call___hub1__FetchPending(as(soap, "office"), url, NULL, &pending, &page));
  struct _hub1__GetMessage get = {page.Letter[0].Transfer};
  say("letter", get.Transfer);
  struct _hub1__GetMessageResponse got;
  fine(soap, soap_call___hub1__GetMessage(as(soap, "office"), url, NULL, &get, &got));
  say("content", soap_s2base64(soap, got.Payload.__ptr, NULL, got.Payload.__size));
  struct _hub1__Acknowledge answer = {0};
  answer.Transfer = get.Transfer;
  answer.Digest = got.Digest;
  struct _hub1__AcknowledgeResponse settled;
  fine(soap, soap_call___hub1__Acknowledge(as(soap, "office"), url, NULL, &answer, &settled));
  say("settled", settled.State);
  fine(soap, soap_call___hub1__Acknowledge(as(soap, "office"), url, NULL, &answer, &settled));
  say("resettled", settled.Replayed ? "true" : "false");

  soap_set_omode(soap, SOAP_ENC_MTOM);
  struct hub1__File file = {0};
  file.Name = "Kết quả.pdf";
  file.ContentType = "application/pdf";
  file.Content = content(soap, "file");
  file.Content.id = "cid:result@department";
  file.Content.type = "application/pdf";
  struct _hub1__SendResult result = {0};
  result.Key = (char *)job("result_key");
  result.ContentType = "application/json";
  result.Payload = content(soap, "result");
  result.__sizeFile = 1;
  result.File = &file;
  struct hub1__Receipt receipt;
  fine(soap, soap_call___hub1__SendResult(as(soap, "sender"), url, NULL, &result, &receipt));
  say("result", receipt.Message);
  say("attached", receipt.Document.id ? "true" : "false");
  soap_clr_omode(soap, SOAP_ENC_MTOM);

  get.Transfer = "nothing";
  say("gone", refusal(soap, soap_call___hub1__GetMessage(as(soap, "office"), url, NULL, &get, &got))->Code);
  soap_destroy(soap);
  soap_end(soap);
  soap_free(soap);
  return 0;
}
