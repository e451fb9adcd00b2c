data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

# The API subscribes endpoints to it and the worker publishes: Terraform makes no subscription. Alerts have a
# topic of their own, so that nobody who subscribes to contacts hears of the plant.
resource "aws_sns_topic" "events" {
  name = "${var.name}-events"

  # Without a key of the account's own the one that AWS manages for SNS.
  kms_master_key_id = coalesce(var.key_arn, "alias/aws/sns")

  # SHA-256 for the signatures that receivers verify.
  signature_version = 2
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "Account"
    actions   = local.topic_actions
    resources = [aws_sns_topic.events.arn]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = local.topic_actions
    resources = [aws_sns_topic.events.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

locals {
  # What SNS accepts in the policy of a topic and this product uses; "sns:*" it refuses.
  topic_actions = [
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:Publish",
    "sns:Subscribe",
  ]
}

resource "aws_sns_topic_policy" "events" {
  arn    = aws_sns_topic.events.arn
  policy = data.aws_iam_policy_document.topic.json
}
