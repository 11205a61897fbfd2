// What .NET makes of the hub's WSDL: holds it to WS-I Basic Profile 1.1 (exit status 1 and the violations when it breaks it), and
// writes the proxy that a department would generate. Usage: mono Contract.exe WSDL [XSD Proxy.cs]
using System;
using System.CodeDom;
using System.CodeDom.Compiler;
using System.IO;
using System.Web.Services;
using System.Web.Services.Description;
using System.Xml.Schema;
using Microsoft.CSharp;

static class Contract
{
    static int Main(string[] files)
    {
        var wsdl = ServiceDescription.Read(files[0]);
        var violations = new BasicProfileViolationCollection();
        var kept = WebServicesInteroperability.CheckConformance(WsiProfiles.BasicProfile1_1, wsdl, violations);
        foreach (BasicProfileViolation each in violations)
            Console.WriteLine(each.NormativeStatement + " " + each.Details + " " + string.Join(" ", ToArray(each)));
        if (!kept) return 1;
        if (files.Length == 1) return 0;

        wsdl = ServiceDescription.Read(files[0]); // what was checked is compiled, and its schema imported; the importer wants it here
        wsdl.Types.Schemas.Clear();
        wsdl.Types.Schemas.Add(XmlSchema.Read(new StreamReader(files[1]), null));
        var importer = new ServiceDescriptionImporter { ProtocolName = "Soap" };
        importer.AddServiceDescription(wsdl, null, null);
        var space = new CodeNamespace("Hub");
        var unit = new CodeCompileUnit();
        unit.Namespaces.Add(space);
        var warnings = importer.Import(space, unit);
        if (warnings != 0)
        {
            Console.WriteLine(warnings);
            return 1;
        }
        using (var writer = new StreamWriter(files[2]))
            new CSharpCodeProvider().GenerateCodeFromCompileUnit(unit, writer, new CodeGeneratorOptions());
        return 0;
    }

    static string[] ToArray(BasicProfileViolation each)
    {
        var elements = new string[each.Elements.Count];
        each.Elements.CopyTo(elements, 0);
        return elements;
    }
}
