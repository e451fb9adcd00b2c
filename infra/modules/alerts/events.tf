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

  # An event has no subject: the text begins as one would. EventBridge wants each line of a text in quotes of its own;
  # jsonencode would write the brackets of a placeholder in a way that it does not see.
  input_transformer {
    input_paths = { time = "$.time", resource = "$.resources[0]" }
    input_template = join("\n", [for line in [
      "[${local.title}] ${each.value.severity} ${each.value.name}: ${each.value.summary}.",
      "What: <resource>",
      "At: <time>",
      "Cause: ${each.value.cause}",
      "What to do: ${var.runbooks_url}/${each.value.runbook}.md",
    ] : "\"${line}\""])
  }
}
