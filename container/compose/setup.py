"""Makes in the simulators what Terraform makes on AWS. What is there already stays."""

import json
import os

import boto3

TABLE = os.environ["CONTACTS_TABLE"]


def make_table():
    """The table as docs/DATA.md describes it."""
    dynamodb = boto3.client("dynamodb")
    try:
        dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
    except dynamodb.exceptions.ResourceInUseException:
        return
    dynamodb.update_time_to_live(
        TableName=TABLE,
        TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True},
    )


def make_queue():
    """The queue, and behind it the one for messages that nobody can work on."""
    sqs = boto3.client("sqs")
    dead = sqs.create_queue(QueueName="contacts-dead-letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    redrive = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 5}
    sqs.create_queue(
        QueueName="contacts",
        Attributes={"VisibilityTimeout": "60", "RedrivePolicy": json.dumps(redrive)},
    )


make_table()
make_queue()
for topic in ("contacts", "contacts-alerts"):
    boto3.client("sns").create_topic(Name=topic)
boto3.client("s3").create_bucket(Bucket="contacts-objects")
