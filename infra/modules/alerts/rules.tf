# Prometheus and its Alertmanager, as AWS runs them: the rules of each side with containers, and who is told how.

resource "aws_prometheus_rule_group_namespace" "side" {
  for_each = { for side, rules in local.rules : side => rules if length(rules) > 0 }

  workspace_id = var.workspace.id
  name         = "${var.name}-${each.key}"

  data = yamlencode({
    groups = [{
      name     = each.key
      interval = "${30 / var.pace}s"
      rules = [for alert in each.value : {
        alert  = alert.name
        expr   = alert.expr
        "for"  = "${alert.for}s"
        labels = { severity = alert.severity, target = each.key }
        annotations = {
          summary   = alert.summary
          value     = "{{ printf `%.4g` $value }} ${alert.measures}"
          threshold = tostring(alert.threshold)
          cause     = alert.cause
          runbook   = "${var.runbooks_url}/${alert.runbook}.md"
        }
      }]
    }]
  })
}

resource "aws_prometheus_alert_manager_definition" "this" {
  workspace_id = var.workspace.id

  definition = yamlencode({
    template_files = {
      email = templatefile("${path.module}/email.tmpl", {
        title         = local.title
        environment   = var.environment
        dashboard_url = var.dashboard_url
      })
    }
    alertmanager_config = templatefile("${path.module}/alertmanager.yaml", {
      topic_arn = aws_sns_topic.alerts.arn
      region    = data.aws_region.current.name
      pace      = var.pace
    })
  })

  depends_on = [aws_sns_topic_policy.alerts]
}
