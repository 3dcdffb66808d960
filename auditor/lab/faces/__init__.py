"""What a simulated vCenter offers on the wire: its SOAP objects and its vAPI services."""
