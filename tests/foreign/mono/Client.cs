// A department's .NET client of the hub's SOAP service: the proxy is what Contract.cs had made of the published WSDL.
// Job and report: lines of name=value (tests/foreign/test_soap_service.py says which).
using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Web.Services.Protocols;
using System.Xml;

class Caller : Hub.Lienthong
{
    readonly string secret;

    public Caller(string url, string secret)
    {
        Url = url;
        this.secret = secret;
    }

    protected override WebRequest GetWebRequest(Uri address)
    {
        var request = base.GetWebRequest(address);
        request.Headers["Authorization"] = "Bearer " + secret;
        return request;
    }
}

static class Client
{
    const string Json = "application/json";

    static void Say(string name, object value)
    {
        Console.WriteLine(name + "=" + (value is bool ? value.ToString().ToLower() : value));
    }

    static XmlElement Refusal(Action call, out XmlQualifiedName code)
    {
        try
        {
            call();
        }
        catch (SoapException fault)
        {
            code = fault.Code;
            return fault.Detail["Refusal", "urn:lienthong:hub:1"];
        }
        throw new Exception("not refused");
    }

    static void Main()
    {
        var job = new Dictionary<string, string>();
        for (var line = Console.ReadLine(); line != null; line = Console.ReadLine())
            job[line.Substring(0, line.IndexOf('='))] = line.Substring(line.IndexOf('=') + 1);
        Func<string, byte[]> content = name => Convert.FromBase64String(job[name]);
        var sender = new Caller(job["url"], job["sender"]);
        var office = new Caller(job["url"], job["office"]);

        string key = job["key"], kind, digest, dossier, code, confirmation;
        DateTime at;
        bool replayed;
        Hub.Copy[] copies;
        byte[] first, again;
        var message = sender.SubmitMessage(ref key, Json, content("payload"), null, out kind, out digest, out dossier, out code, out at, out replayed, out copies, out first, out confirmation);
        sender.SubmitMessage(ref key, Json, content("payload"), null, out kind, out digest, out dossier, out code, out at, out replayed, out copies, out again, out confirmation);
        Say("message", message);
        Say("replayed", replayed);
        Say("same", first.SequenceEqual(again));

        XmlQualifiedName faultcode;
        var refusal = Refusal(() => sender.SubmitMessage(ref key, Json, content("other"), null, out kind, out digest, out dossier, out code, out at, out replayed, out copies, out again, out confirmation), out faultcode);
        Say("fault", refusal["Code"].InnerText);
        Say("faultcode", faultcode.Name);
        Say("advice", refusal["Text"]["Advice"].InnerText);

        Hub.Transfer[] transfers;
        Say("kind", sender.AskStatus(Hub.About.message, message, out transfers)[0].Kind);

        string next;
        var letter = office.FetchPending(null, 10, true, out next)[0].Transfer;
        Say("letter", letter);
        string media;
        byte[] payload;
        Hub.Header[] headers;
        digest = office.GetMessage(ref letter, out media, out payload, out headers);
        Say("content", Convert.ToBase64String(payload));
        string state;
        office.Acknowledge(ref letter, digest, DateTime.Now, true, null, out state, out at, out replayed);
        Say("settled", state);
        office.Acknowledge(ref letter, digest, DateTime.Now, true, null, out state, out at, out replayed);
        Say("resettled", replayed);

        var file = new Hub.File { Name = "Kết quả.pdf", ContentType = "application/pdf", Content = content("file") };
        key = job["result_key"];
        Say("result", sender.SendResult(ref key, Json, content("result"), null, new[] { file }, out kind, out digest, out dossier, out code, out at, out replayed, out copies, out first, out confirmation));

        var nothing = "nothing";
        Say("gone", Refusal(() => office.GetMessage(ref nothing, out media, out payload, out headers), out faultcode)["Code"].InnerText);
    }
}
