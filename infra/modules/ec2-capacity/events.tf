# Who lost a host to Spot, and when: EC2 tells it once, and nobody else keeps it. The events name instances
# and no groups, so that the log has those of the whole account and region.

resource "aws_cloudwatch_event_rule" "spot" {
  name        = "${var.name}-spot"
  description = "Hosts that Spot takes, or is likely to take"

  event_pattern = jsonencode({
    source      = ["aws.ec2"]
    detail-type = ["EC2 Spot Instance Interruption Warning", "EC2 Instance Rebalance Recommendation"]
  })
}

resource "aws_cloudwatch_event_target" "spot" {
  rule = aws_cloudwatch_event_rule.spot.name
  arn  = var.spot_log_group_arn

  depends_on = [aws_cloudwatch_log_resource_policy.spot]
}

data "aws_iam_policy_document" "spot" {
  statement {
    sid       = "Stream"
    actions   = ["logs:CreateLogStream"]
    resources = ["${var.spot_log_group_arn}:*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
    }
  }

  statement {
    sid       = "Events"
    actions   = ["logs:PutLogEvents"]
    resources = ["${var.spot_log_group_arn}:*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.spot.arn]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "spot" {
  policy_name     = "${var.name}-spot"
  policy_document = data.aws_iam_policy_document.spot.json
}
