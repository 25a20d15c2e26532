"""`make fuzz`: Schemathesis against the service as it is deployed, on both databases, in every role."""
