# One dashboard of CloudWatch for the environment. panels.tf says what is on it; here it becomes the JSON of the
# CloudWatch API Reference, "Dashboard Body Structure and Syntax". What containers measure themselves is in Prometheus,
# and its panels are in container/compose/grafana.

data "aws_region" "current" {}

locals {
  # CloudWatch's grid has 24 columns.
  across = 3
  width  = 24 / local.across
  height = 6

  # Above the panels: whether something is wrong at all.
  alarms = [for arns in [sort(var.alarms)] : {
    type       = "alarm"
    x          = 0
    y          = 0
    width      = 24
    height     = 4
    properties = { title = "Alarms", alarms = arns }
  } if length(arns) > 0]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    start          = "-PT3H"
    periodOverride = "inherit"
    widgets = concat(local.alarms, [for number, panel in local.panels : {
      type   = "metric"
      x      = number % local.across * local.width
      y      = sum(concat([0], local.alarms[*].height)) + floor(number / local.across) * local.height
      width  = local.width
      height = local.height
      properties = {
        title   = panel.title
        region  = data.aws_region.current.name
        view    = "timeSeries"
        stacked = false
        period  = 60
        yAxis   = { left = { label = panel.measures, showUnits = false, min = 0 } }
        metrics = [for metric in panel.metrics : concat(
          [metric.namespace, metric.name],
          flatten([for name, value in metric.dimensions : [name, value]]),
          [{ label = metric.label, stat = metric.stat }],
        )]
      }
    }])
  })
}
