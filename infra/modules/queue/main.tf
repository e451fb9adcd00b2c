# What the API and the schedules ask of the workers, and what was given up after so many receives.

locals {
  # shared/jobs/src/run.rs (MAX_RECEIVES) counts along and closes the job with the last receive.
  max_receives = 5

  # What AWS Lambda wants of a queue that feeds a function: room for the calls that it makes again while
  # the function is throttled. A container keeps its messages by itself, a third of this time before it ends;
  # for it, this is how long the messages of one that died stay away.
  visibility_timeout = 6 * var.worker_timeout
}

resource "aws_sqs_queue" "jobs" {
  name                       = "${var.name}-jobs"
  visibility_timeout_seconds = local.visibility_timeout
  message_retention_seconds  = 4 * 24 * 60 * 60

  # For those who do not say how long they wait: an answer that comes at once asks some of the servers only.
  receive_wait_time_seconds = 20

  sqs_managed_sse_enabled           = var.key_arn == null ? true : null
  kms_master_key_id                 = var.key_arn
  kms_data_key_reuse_period_seconds = var.key_arn == null ? null : 300

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = local.max_receives
  })
}

resource "aws_sqs_queue" "dead" {
  name = "${var.name}-jobs-dead"

  # The longest there is. A message keeps the age that it had, so this is counted from when it was first sent.
  message_retention_seconds = 14 * 24 * 60 * 60
  receive_wait_time_seconds = 20

  sqs_managed_sse_enabled           = var.key_arn == null ? true : null
  kms_master_key_id                 = var.key_arn
  kms_data_key_reuse_period_seconds = var.key_arn == null ? null : 300
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.jobs.arn]
  })
}

# Who may use the queues is said by the roles of this account; here it is only said how.
data "aws_iam_policy_document" "tls_only" {
  for_each = { jobs = aws_sqs_queue.jobs.arn, dead = aws_sqs_queue.dead.arn }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]

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

resource "aws_sqs_queue_policy" "tls_only" {
  for_each = { jobs = aws_sqs_queue.jobs.url, dead = aws_sqs_queue.dead.url }

  queue_url = each.value
  policy    = data.aws_iam_policy_document.tls_only[each.key].json
}
