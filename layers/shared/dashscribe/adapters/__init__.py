"""The ports of `services.ports` on real systems: DynamoDB, S3, SQS, EventBridge, Secrets Manager, SSM, DashScope."""
