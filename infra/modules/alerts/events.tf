# What AWS announces by events alone. Each is told as it comes; there is nothing that would end it.

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.events

  name          = "${var.name}-${replace(lower(each.key), "/", "-")}"
  description   = each.value.summary
  event_pattern = jsonencode(each.value.event)
}

resource "aws_cloudwatch_event_target" "topic" {
  for_each = local.events

  rule = aws_cloudwatch_event_rule.this[each.key].name
  arn  = aws_sns_topic.alerts.arn

  # An event has no subject. The text begins as one would.
  input_transformer {
    input_paths = { time = "$.time", what = "$.detail" }
    input_template = jsonencode(join("\n", [
      "[${local.title}] ${each.value.severity} ${each.value.name}: ${each.value.summary}.",
      "At: <time>",
      "Cause: ${each.value.cause}",
      "What to do: ${var.runbooks_url}/${each.value.runbook}.md",
    ]))
  }
}
