# One list, alerts.yaml. rules.tf gives its rules to Prometheus, alarms.tf its alarms to CloudWatch, events.tf its
# events to EventBridge; all of them tell the topic below.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  title = "${var.product} ${var.environment}"

  # By side, and once for what belongs to none: the list as it reads there.
  lists = { for side in concat(sort(keys(var.sides)), ["shared"]) : side => yamldecode(templatefile("${path.module}/alerts.yaml", {
    name              = var.name
    environment       = var.environment
    side              = side
    live              = var.live
    pace              = var.pace
    wanted            = try(var.sides[side].wanted, { api = 0, worker = 0 })
    cluster           = "${var.name}-${side}"
    functions         = { api = "${var.name}-api", worker = "${var.name}-worker" }
    queue             = var.queues.jobs
    dead_letter_queue = var.queues.dead_letters
    api               = local.selectors[side].api
    worker            = local.selectors[side].worker
    both              = local.selectors[side].both
    failing           = local.failing[side]
    failures          = local.failures[side]
  })).alerts }

  selectors = { for side in concat(keys(var.sides), ["shared"]) : side => {
    api    = "job=\"contact-manager\",aws_ecs_task_family=\"${var.name}-${side}-api\""
    worker = "job=\"contact-manager\",aws_ecs_task_family=\"${var.name}-${side}-worker\""
    both   = "job=\"contact-manager\",aws_ecs_task_family=~\"${var.name}-${side}-(api|worker)\""
  } }

  # Percent of requests that failed, within some seconds.
  failing = { for side, of in local.selectors : side => { for window, seconds in { "5m" = 300, "30m" = 1800, "1h" = 3600, "6h" = 21600 } :
    window => join(" / ", [
      "100 * sum(rate(contacts_http_requests_total{status_class=\"5xx\",${of.api}}[${seconds / var.pace}s]))",
      "sum(rate(contacts_http_requests_total{${of.api}}[${seconds / var.pace}s]))",
    ])
  } }

  # How many failed.
  failures = { for side, of in local.selectors : side => { for window, seconds in { "1h" = 3600, "6h" = 21600 } :
    window => "sum(increase(contacts_http_requests_total{status_class=\"5xx\",${of.api}}[${seconds / var.pace}s]))"
  } }

  has = { for side in keys(local.lists) : side => { cache = var.cache, certificate = var.certificate != null, traffic = side == var.live } }

  # How the list names what several targets have in common.
  kinds = { lambda = "lambda", fargate = "containers", ec2 = "containers", shared = "shared" }

  # What the list names @so.
  names = merge(
    { "@load_balancer" = var.load_balancer, "@workspace" = var.workspace.id },
    { for target, group in var.target_groups : "@${target}" => group },
    var.certificate == null ? {} : { "@certificate" = var.certificate.arn },
  )

  # What is watched there, by side and alert.
  watched = { for side, alerts in local.lists : side => { for alert in alerts : alert.name => merge(
    { for key, value in alert : key => value if key != "targets" },
    try(alert.targets[side], alert.targets[local.kinds[side]]),
  ) if length(setintersection(keys(alert.targets), [side, local.kinds[side]])) > 0 && try(local.has[side][alert.needs], true) } }

  rules  = { for side, alerts in local.watched : side => [for alert in values(alerts) : alert if can(alert.expr)] }
  alarms = merge([for side, alerts in local.watched : { for name, alert in alerts : "${side}/${name}" => alert if can(alert.alarms) }]...)
  events = merge([for side, alerts in local.watched : { for name, alert in alerts : "${side}/${name}" => alert if can(alert.event) }]...)
}

resource "aws_sns_topic" "alerts" {
  #checkov:skip=CKV_AWS_26:key_arn decides. The key that AWS manages for SNS lets neither CloudWatch nor Prometheus use it, so without one of the account's own nothing would arrive; an alert holds no contact.
  name              = "${var.name}-alerts"
  kms_master_key_id = var.key_arn
  signature_version = 2
}

data "aws_iam_policy_document" "topic" {
  # Each of them only for this account, and Prometheus only for this workspace.
  dynamic "statement" {
    for_each = local.publishers

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = [aws_sns_topic.alerts.arn]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.current.account_id]
      }

      condition {
        test     = "ArnLike"
        variable = "aws:SourceArn"
        values   = [statement.value.source]
      }
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]

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
  here = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"

  publishers = {
    Prometheus = {
      service = "aps.amazonaws.com"
      actions = ["sns:Publish", "sns:GetTopicAttributes"]
      source  = var.workspace.arn
    }
    Alarms = {
      service = "cloudwatch.amazonaws.com"
      actions = ["sns:Publish"]
      source  = "arn:${data.aws_partition.current.partition}:cloudwatch:${local.here}:alarm:${local.title} *"
    }
    Events = {
      service = "events.amazonaws.com"
      actions = ["sns:Publish"]
      source  = "arn:${data.aws_partition.current.partition}:events:${local.here}:rule/${var.name}-*"
    }
  }
}

resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = data.aws_iam_policy_document.topic.json
}

# AWS asks each address to confirm first.
resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = each.value
}
