# What one asks at night, saved in CloudWatch Logs Insights under the environment's name. API and worker log alike on
# every target (docs/METRICS.md, "Logs"); lines that hold metrics are there on Lambda alone.

locals {
  queries = {
    "One request" = <<-EOT
      # Put the X-Request-Id of the answer here.
      filter request_id = "PASTE-THE-ID"
      | fields @timestamp, @log, level, message, method, route, status, duration_ms, error
      | sort @timestamp asc
    EOT

    "Errors by route" = <<-EOT
      filter target = "access" and status >= 500
      | stats count(*) as requests, max(@timestamp) as latest by route, method, status
      | sort requests desc
    EOT

    "Slow requests" = <<-EOT
      filter target = "access" and duration_ms > 1000
      | fields @timestamp, duration_ms, method, route, status, request_id, trace_id
      | sort duration_ms desc
      | limit 100
    EOT

    "What went wrong" = <<-EOT
      filter level in ["ERROR", "WARN"]
      | stats count(*) as lines, max(@timestamp) as latest by @log, level, message, error
      | sort latest desc
    EOT

    "Job steps" = <<-EOT
      filter target = "steps" or message = "a step failed"
      | fields @timestamp, kind, job, step, outcome, duration_ms, request_id, error
      | sort @timestamp desc
      | limit 200
    EOT

    "Throttles" = <<-EOT
      # Of functions; containers tell Prometheus. What was refused for good is an answer with 503, everywhere.
      filter contacts_dynamodb_throttles_total > 0 or contacts_dynamodb_conflicts_total > 0 or (target = "access" and status = 503)
      | stats sum(contacts_dynamodb_throttles_total) as throttled, sum(contacts_dynamodb_conflicts_total) as conflicts, count(status) as refused by bin(5m)
    EOT
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = "${var.name}/${each.key}"
  log_group_names = var.log_groups
  query_string    = each.value
}
