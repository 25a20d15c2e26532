"""`make fuzz`: Schemathesis against the deployed form of the service, on both databases, in every role."""
