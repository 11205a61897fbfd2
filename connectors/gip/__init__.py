"""The tax gateway: a question in XML inside SOAP, and an answer that is a message of its own."""
