# What CloudWatch watches: on Lambda everything, elsewhere what AWS alone can see. CloudWatch writes the email itself;
# the alarm's name and description are all that is ours in it.

locals {
  # One for each entry. Of several none tells by itself: their composite alarm does.
  single = merge([for key, alert in local.alarms : { for number, alarm in alert.alarms : "${key}/${try(alarm.name, number)}" => {
    of    = key
    alert = alert
    alarm = alarm
    part  = join(" ", compact([alert.name, try(alarm.name, "")]))
  } }]...)

  composite = { for key, alert in local.alarms : key => alert if length(alert.alarms) > 1 }

  # Where an alarm looks, at the end of its name.
  places = { for key in keys(local.alarms) : key => startswith(key, "shared/") ? "" : " on ${split("/", key)[0]}" }

  descriptions = { for key, alert in local.alarms : key => join("\n", compact([
    "${alert.summary}.",
    "Value: ${alert.measures}; threshold: ${alert.threshold}.",
    "Cause: ${alert.cause}",
    "What to do: ${var.runbooks_url}/${alert.runbook}.md",
    var.dashboard_url == null ? "" : "Dashboard: ${var.dashboard_url}",
    "To silence it for two hours: make silence ENV=${var.environment} ALERT=${alert.name} HOURS=2",
  ])) }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.single

  alarm_name          = "${local.title} ${each.value.alert.severity} ${each.value.part}${local.places[each.value.of]}"
  alarm_description   = local.descriptions[each.value.of]
  comparison_operator = try(each.value.alarm.below, false) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.alert.threshold
  evaluation_periods  = each.value.alarm.of
  datapoints_to_alarm = try(each.value.alarm.least, each.value.alarm.of)
  treat_missing_data  = try(each.value.alarm.missing, "notBreaching")
  actions_enabled     = true
  alarm_actions       = contains(keys(local.composite), each.value.of) ? [] : [aws_sns_topic.alerts.arn]
  ok_actions          = contains(keys(local.composite), each.value.of) ? [] : [aws_sns_topic.alerts.arn]

  metric_query {
    id          = "value"
    label       = each.value.part
    expression  = can(each.value.alarm.query) ? replace(each.value.alarm.query, "@workspace", local.names["@workspace"]) : each.value.alarm.expression
    period      = can(each.value.alarm.query) ? each.value.alarm.period : null
    return_data = true
  }

  dynamic "metric_query" {
    for_each = try(each.value.alarm.metrics, {})

    content {
      id          = metric_query.key
      expression  = try(metric_query.value.expression, null)
      return_data = false

      dynamic "metric" {
        for_each = can(metric_query.value.expression) ? [] : [metric_query.value]

        content {
          namespace   = metric.value.namespace
          metric_name = metric.value.name
          stat        = metric.value.stat
          period      = each.value.alarm.period
          dimensions  = { for key, value in metric.value.dimensions : key => lookup(local.names, value, value) }
        }
      }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "this" {
  for_each = local.composite

  alarm_name        = "${local.title} ${each.value.severity} ${each.value.name}${local.places[each.key]}"
  alarm_description = local.descriptions[each.key]
  alarm_actions     = [aws_sns_topic.alerts.arn]
  ok_actions        = [aws_sns_topic.alerts.arn]

  alarm_rule = join(try(each.value.alarms[0].either, false) ? " OR " : " AND ", [
    for key, single in local.single : "ALARM(\"${aws_cloudwatch_metric_alarm.this[key].alarm_name}\")" if single.of == each.key
  ])
}

# What a collector could not hand over it says in its log alone.
resource "aws_cloudwatch_log_metric_filter" "dropped" {
  for_each = merge([for side, of in var.sides : { for service, group in of.collector_logs : "${side}/${service}" => { side = side, group = group } }]...)

  name           = "metrics-dropped"
  log_group_name = each.value.group
  pattern        = "\"Dropping data\""

  metric_transformation {
    namespace = var.name
    name      = "${each.value.side}-metrics-dropped"
    value     = "1"
  }
}
