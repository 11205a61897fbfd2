"""A partner's files, drafted from what describes its service: a WSDL, an XSD, an OpenAPI document, a JSON Schema or a sample message.

What can be read is written down with its type and occurrence; what can be guessed is proposed; what cannot is said so. A person decides.
"""
