"""The hub's own SOAP service, as its WSDL says (``schemas/wsdl/lienthong``)."""
