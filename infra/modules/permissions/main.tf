# What the programs call is listed in tests/src/calls.txt. The tests hold each to its list, and this against it:
# a call that is not granted fails them, and so does a grant that nobody uses.

locals {
  region = split(":", var.table_arn)[3]
}

# The program calls no KMS: the services do, on its behalf, and only through them may the key be used.
data "aws_iam_policy_document" "keys" {
  dynamic "statement" {
    for_each = length(var.key_arns) == 0 ? [] : [var.key_arns]

    content {
      sid = "Key"
      actions = [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
      ]
      resources = statement.value

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = [for service in ["dynamodb", "s3", "sns", "sqs"] : "${service}.${local.region}.amazonaws.com"]
      }
    }
  }
}

# What both processes do.
data "aws_iam_policy_document" "both" {
  source_policy_documents = [data.aws_iam_policy_document.keys.json]

  # A transaction is authorised by the actions in it: there is no "TransactWriteItems". Scan is missing on
  # purpose: the checker, tables without a time to live and operators use it, none of them with these roles.
  statement {
    sid = "Table"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
      "dynamodb:ConditionCheckItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [var.table_arn]
  }

  # The API tells the workers of a job or an event; a worker hands on a job that takes longer.
  statement {
    sid       = "Tell"
    actions   = ["sqs:SendMessage"]
    resources = [var.queue_arn]
  }

  # An endpoint whose ARN was not noted in time is found in the topic's list.
  statement {
    sid       = "FindEndpoint"
    actions   = ["sns:ListSubscriptionsByTopic"]
    resources = [var.topic_arn]
  }

  # Both let an endpoint go: the API when asked, the worker where a request broke off. The call names a
  # subscription, which is no resource of IAM: only "*" is sure to match. The program lets go subscriptions of
  # its own topic alone.
  statement {
    sid       = "LetGo"
    actions   = ["sns:Unsubscribe"]
    resources = ["*"]
  }

  # The history of figures, and nothing else in the bucket.
  statement {
    sid       = "History"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${var.bucket_arn}/system/*"]
  }

  statement {
    sid       = "ListHistory"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["system/*"]
    }
  }

  # Logging in to the cache is a signed request instead of a password.
  dynamic "statement" {
    for_each = var.cache == null ? [] : [var.cache]

    content {
      sid       = "Cache"
      actions   = ["elasticache:Connect"]
      resources = [statement.value.replication_group_arn, statement.value.user_arn]
    }
  }
}

data "aws_iam_policy_document" "api" {
  source_policy_documents = [data.aws_iam_policy_document.both.json]

  # Whether an endpoint is confirmed; no resource of IAM either.
  statement {
    sid       = "Look"
    actions   = ["sns:GetSubscriptionAttributes"]
    resources = ["*"]
  }

  statement {
    sid       = "Subscribe"
    actions   = ["sns:Subscribe"]
    resources = [var.topic_arn]

    # The channels that the API offers: no text messages, no functions, no plain HTTP.
    condition {
      test     = "StringEquals"
      variable = "sns:Protocol"
      values   = ["email", "https", "sqs"]
    }
  }
}

data "aws_iam_policy_document" "worker" {
  source_policy_documents = [data.aws_iam_policy_document.both.json]

  # On Lambda the event source mapping receives and deletes with the function's role.
  statement {
    sid = "Work"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    ]
    resources = [var.queue_arn]
  }

  # What was merged, and what is too old.
  statement {
    sid       = "MergeHistory"
    actions   = ["s3:DeleteObject"]
    resources = ["${var.bucket_arn}/system/*"]
  }

  # The minutes of functions; no resource of IAM.
  statement {
    sid       = "Measure"
    actions   = ["cloudwatch:GetMetricData"]
    resources = ["*"]
  }

  statement {
    sid       = "Publish"
    actions   = ["sns:Publish"]
    resources = [var.topic_arn]
  }
}

# The commands of worker-container that somebody runs by hand, as themselves: redrive, token, begin-epoch, check.
data "aws_iam_policy_document" "operator" {
  source_policy_documents = [data.aws_iam_policy_document.keys.json]

  # A token is two items in a transaction; a new epoch and a check go through the whole table.
  statement {
    sid       = "Table"
    actions   = ["dynamodb:PutItem", "dynamodb:Scan", "dynamodb:UpdateItem"]
    resources = [var.table_arn]
  }

  # The queue says which one its dead letters are in.
  statement {
    sid       = "Redrive"
    actions   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
    resources = [var.queue_arn]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
    resources = [var.dead_letter_queue_arn]
  }
}
