mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name          = "contact-manager-test"
  environment   = "test"
  sides         = { lambda = {} }
  live          = "lambda"
  workspace     = { id = "ws-1", arn = "arn:aws:aps:eu-central-1:123456789012:workspace/ws-1" }
  load_balancer = "app/contact-manager-test/1"
  target_groups = { lambda = "targetgroup/lambda/1", fargate = "targetgroup/fargate/1", ec2 = "targetgroup/ec2/1" }
  queues        = { jobs = "jobs", dead_letters = "dead-letters" }
}

run "on_lambda_everything_is_an_alarm" {
  assert {
    condition     = length(aws_prometheus_rule_group_namespace.side) == 0
    error_message = "There is no task that a rule could be about."
  }
  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.this), "lambda/Down/0") && !anytrue([for key in keys(aws_cloudwatch_metric_alarm.this) : startswith(key, "fargate/") || startswith(key, "ec2/")])
    error_message = "The alarms are those of Lambda and those that sides share."
  }
  assert {
    condition     = length(aws_cloudwatch_event_rule.this) == 0 && length(aws_cloudwatch_log_metric_filter.dropped) == 0
    error_message = "There is neither Spot capacity nor a collector."
  }
  assert {
    condition     = output.alerts.lambda.Down == "alarm" && output.alerts.shared.QueueAge == "alarm" && startswith(output.alerts.lambda.Hung, "A call that hangs")
    error_message = "The output says what is watched, and why the rest is not."
  }
}

run "on_fargate_the_service_is_watched_by_rules" {
  variables {
    sides = { fargate = { wanted = { api = 3, worker = 2 }, collector_logs = { api = "/ecs/api-collector", worker = "/ecs/worker-collector" } } }
    live  = "fargate"
  }

  assert {
    condition     = keys(aws_prometheus_rule_group_namespace.side) == ["fargate"] && aws_prometheus_rule_group_namespace.side["fargate"].name == "contact-manager-test-fargate"
    error_message = "There is one namespace, named after the side."
  }
  assert {
    condition = { for rule in yamldecode(aws_prometheus_rule_group_namespace.side["fargate"].data).groups[0].rules : rule.alert => "${regex("[^ ]+$", rule.expr)} ${rule.annotations.threshold} ${rule["for"]}" if contains(["Down", "WorkerDown"], rule.alert) } == {
      Down       = "3 3 120s"
      WorkerDown = "2 2 300s"
    }
    error_message = "As many tasks are wanted as the side must have."
  }
  assert {
    condition     = alltrue([for rule in yamldecode(aws_prometheus_rule_group_namespace.side["fargate"].data).groups[0].rules : rule.labels == { severity = rule.labels.severity, target = "fargate" } && contains(["P1", "P2", "P3"], rule.labels.severity)])
    error_message = "Each rule says how urgent it is, and of which target it is."
  }
  assert {
    condition     = !anytrue([for key in keys(aws_cloudwatch_metric_alarm.this) : startswith(key, "lambda/")]) && contains(keys(aws_cloudwatch_metric_alarm.this), "fargate/CpuHigh/0")
    error_message = "Alarms are only about what AWS alone can see."
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.this["fargate/SpotReclaimed"].event_pattern).source == ["aws.ecs"]
    error_message = "ECS tells of Spot tasks."
  }
  assert {
    condition     = { for key, filter in aws_cloudwatch_log_metric_filter.dropped : key => filter.log_group_name } == { "fargate/api" = "/ecs/api-collector", "fargate/worker" = "/ecs/worker-collector" }
    error_message = "What each collector loses is counted."
  }
}

run "on_ec2_the_hosts_announce_that_they_are_taken_back" {
  variables {
    sides = { ec2 = { wanted = { api = 2, worker = 1 } } }
    live  = "ec2"
  }

  assert {
    condition     = keys(aws_prometheus_rule_group_namespace.side) == ["ec2"] && strcontains(aws_prometheus_rule_group_namespace.side["ec2"].data, "contact-manager-test-ec2-api")
    error_message = "The rules are about the tasks of this side."
  }
  assert {
    condition     = keys(aws_cloudwatch_event_rule.this) == ["ec2/SpotReclaimed"] && jsondecode(aws_cloudwatch_event_rule.this["ec2/SpotReclaimed"].event_pattern).source == ["aws.ec2"]
    error_message = "EC2 warns of its instances."
  }
}

run "a_side_without_traffic_may_have_too_few_tasks" {
  variables {
    sides = { fargate = { wanted = { api = 2, worker = 1 } }, ec2 = { wanted = { api = 2, worker = 1 } } }
    live  = "fargate"
  }

  assert {
    condition = setsubtract(
      yamldecode(aws_prometheus_rule_group_namespace.side["fargate"].data).groups[0].rules[*].alert,
      yamldecode(aws_prometheus_rule_group_namespace.side["ec2"].data).groups[0].rules[*].alert,
    ) == toset(["Down", "WorkerDown"])
    error_message = "Only the side with the traffic must have its tasks."
  }
}

run "when_traffic_moves_what_is_watched_moves_with_it" {
  variables {
    sides = { lambda = {}, fargate = { wanted = { api = 2, worker = 1 } } }
    live  = "lambda"
  }

  assert {
    condition     = !contains(yamldecode(aws_prometheus_rule_group_namespace.side["fargate"].data).groups[0].rules[*].alert, "Down")
    error_message = "The tasks are not needed yet."
  }
  assert {
    condition     = anytrue([for query in aws_cloudwatch_metric_alarm.this["shared/NoHealthyTarget/0"].metric_query : try(query.metric[0].dimensions.TargetGroup == "targetgroup/lambda/1", false)])
    error_message = "The targets that must be healthy are those with the traffic."
  }
}

run "without_a_cache_and_a_certificate_nobody_watches_them" {
  variables {
    sides = { lambda = {}, fargate = { wanted = { api = 2, worker = 1 } } }
  }

  assert {
    condition     = !anytrue([for key in keys(aws_cloudwatch_metric_alarm.this) : strcontains(key, "CacheDown") || strcontains(key, "CertificateExpires")]) && !strcontains(aws_prometheus_rule_group_namespace.side["fargate"].data, "CacheDown")
    error_message = "What is not there cannot be down."
  }
}

run "a_cache_and_a_certificate_are_watched" {
  variables {
    sides       = { lambda = {}, fargate = { wanted = { api = 2, worker = 1 } } }
    cache       = true
    certificate = { arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.this), "lambda/CacheDown/0") && strcontains(aws_prometheus_rule_group_namespace.side["fargate"].data, "CacheDown")
    error_message = "Each side says whether it reaches the cache."
  }
  assert {
    condition     = anytrue([for query in aws_cloudwatch_metric_alarm.this["shared/CertificateExpires/0"].metric_query : try(query.metric[0].dimensions.CertificateArn == var.certificate.arn, false)])
    error_message = "The alarm is about this certificate."
  }
}

run "the_parts_of_an_alarm_are_silent_and_it_tells_beginning_and_end" {
  assert {
    condition     = alltrue([for part in ["1h", "5m"] : length(aws_cloudwatch_metric_alarm.this["lambda/ErrorsFast/${part}"].alarm_actions) == 0])
    error_message = "One window alone says nothing."
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.this["lambda/ErrorsFast"].alarm_rule == "ALARM(\"contact-manager test P1 ErrorsFast 1h on lambda\") AND ALARM(\"contact-manager test P1 ErrorsFast 5m on lambda\")"
    error_message = "Both windows together do."
  }
  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_composite_alarm.this), [aws_cloudwatch_metric_alarm.this["lambda/Down/0"]]) : alarm.alarm_actions == toset([output.topic_arn]) && alarm.ok_actions == toset([output.topic_arn])])
    error_message = "Beginning and end are told."
  }
}

run "each_address_is_asked" {
  variables {
    emails = ["on-call@example.com", "boss@example.com"]
  }

  assert {
    condition     = toset([for subscription in aws_sns_topic_subscription.email : "${subscription.protocol} ${subscription.endpoint}"]) == toset(["email on-call@example.com", "email boss@example.com"])
    error_message = "Each address has a subscription."
  }
}

run "without_an_address_or_a_key_there_is_the_topic_alone" {
  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0
    error_message = "Nobody is told."
  }
  assert {
    condition     = aws_sns_topic.alerts.kms_master_key_id == null
    error_message = "The key of SNS's own would let neither CloudWatch nor Prometheus in."
  }
}

run "a_key_encrypts_the_topic" {
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = aws_sns_topic.alerts.kms_master_key_id == var.key_arn
    error_message = "The topic takes the key."
  }
}

run "only_those_who_watch_this_account_publish_and_only_by_tls" {
  assert {
    condition = { for statement in data.aws_iam_policy_document.topic.statement : statement.sid => join(" ", flatten([
      [for principal in statement.principals : principal.identifiers],
      [for condition in statement.condition : condition.values if condition.variable == "aws:SourceArn"],
      ])) } == {
      Prometheus = "aps.amazonaws.com arn:aws:aps:eu-central-1:123456789012:workspace/ws-1"
      Alarms     = "cloudwatch.amazonaws.com arn:aws:cloudwatch:eu-central-1:123456789012:alarm:contact-manager test *"
      Events     = "events.amazonaws.com arn:aws:events:eu-central-1:123456789012:rule/contact-manager-test-*"
      TlsOnly    = "*"
    }
    error_message = "Prometheus, CloudWatch and EventBridge publish, each for what is this environment's."
  }
  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.topic.statement : anytrue([for condition in statement.condition : condition.variable == "aws:SourceAccount" && condition.values == tolist(["123456789012"])]) if statement.sid != "TlsOnly"])
    error_message = "No other account publishes through them."
  }
  assert {
    condition     = one([for statement in data.aws_iam_policy_document.topic.statement : "${statement.effect} ${one(statement.condition).variable} ${one(one(statement.condition).values)}" if statement.sid == "TlsOnly"]) == "Deny aws:SecureTransport false"
    error_message = "What does not come by TLS is refused."
  }
}

run "an_event_is_told_in_lines_with_its_placeholders" {
  variables {
    sides = { fargate = { wanted = { api = 2, worker = 1 } } }
    live  = "fargate"
  }

  assert {
    condition     = aws_cloudwatch_event_target.topic["fargate/SpotReclaimed"].arn == output.topic_arn && aws_cloudwatch_event_target.topic["fargate/SpotReclaimed"].rule == "contact-manager-test-fargate-spotreclaimed"
    error_message = "The event goes to the topic."
  }
  assert {
    condition     = alltrue([for line in split("\n", aws_cloudwatch_event_target.topic["fargate/SpotReclaimed"].input_transformer[0].input_template) : can(regex("^\"[^\"\\\\]+\"$", line))])
    error_message = "Each line is a text in quotes."
  }
  assert {
    condition     = alltrue([for name in keys(aws_cloudwatch_event_target.topic["fargate/SpotReclaimed"].input_transformer[0].input_paths) : strcontains(aws_cloudwatch_event_target.topic["fargate/SpotReclaimed"].input_transformer[0].input_template, "<${name}>")])
    error_message = "What is taken from the event is said."
  }
}

run "what_is_told_leads_to_the_runbook_and_to_the_dashboard" {
  variables {
    sides         = { lambda = {}, fargate = { wanted = { api = 2, worker = 1 } } }
    live          = "fargate"
    runbooks_url  = "https://example.com/runbooks"
    dashboard_url = "https://example.com/dashboard"
  }

  assert {
    condition     = alltrue([for rule in yamldecode(aws_prometheus_rule_group_namespace.side["fargate"].data).groups[0].rules : startswith(rule.annotations.runbook, "https://example.com/runbooks/") && endswith(rule.annotations.runbook, ".md")])
    error_message = "Each rule names its page."
  }
  assert {
    condition = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_composite_alarm.this)) :
    strcontains(alarm.alarm_description, "https://example.com/runbooks/") && strcontains(alarm.alarm_description, "Dashboard: https://example.com/dashboard") && length(alarm.alarm_description) <= 1024])
    error_message = "Each alarm's description does, in no more than CloudWatch takes."
  }
  assert {
    condition     = strcontains(yamldecode(aws_prometheus_alert_manager_definition.this.definition).template_files.email, "Dashboard:  https://example.com/dashboard")
    error_message = "And so does the email."
  }
}

run "without_a_dashboard_nothing_leads_there" {
  assert {
    condition     = !strcontains(aws_prometheus_alert_manager_definition.this.definition, "Dashboard") && !strcontains(aws_cloudwatch_metric_alarm.this["lambda/Down/0"].alarm_description, "Dashboard")
    error_message = "There is no line without an address."
  }
}

run "an_alert_is_told_once_for_all_tasks_and_again_after_hours" {
  assert {
    condition = { for key, value in yamldecode(yamldecode(aws_prometheus_alert_manager_definition.this.definition).alertmanager_config).route : key => value if key != "routes" } == {
      receiver        = "email"
      group_by        = ["alertname"]
      group_wait      = "10s"
      group_interval  = "60s"
      repeat_interval = "24h"
    }
    error_message = "Tasks share an email."
  }
  assert {
    condition     = yamldecode(yamldecode(aws_prometheus_alert_manager_definition.this.definition).alertmanager_config).receivers[0].sns_configs[0].sigv4.region == "eu-central-1"
    error_message = "AWS asks for the region."
  }
}

run "tests_run_faster_than_life" {
  variables {
    sides = { fargate = { wanted = { api = 2, worker = 1 } } }
    live  = "fargate"
    pace  = 10
  }

  assert {
    condition     = one([for rule in yamldecode(aws_prometheus_rule_group_namespace.side["fargate"].data).groups[0].rules : "${rule["for"]} ${regex("\\[(.*)\\]", rule.expr)[0]}" if rule.alert == "Down"]) == "12s 9s"
    error_message = "Durations and windows are a tenth."
  }
  assert {
    condition     = yamldecode(aws_prometheus_rule_group_namespace.side["fargate"].data).groups[0].interval == "3s"
    error_message = "Rules are evaluated ten times as often."
  }
  assert {
    condition     = yamldecode(yamldecode(aws_prometheus_alert_manager_definition.this.definition).alertmanager_config).route.group_interval == "6s"
    error_message = "Emails are sent ten times as often."
  }
}

# The longest names, on all sides and with everything that can be watched.
run "what_is_told_has_room_for_the_longest_names" {
  variables {
    product     = "a product whose name is forty characters"
    name        = "a-name-that-has-28-letters-1"
    environment = "environment"
    sides       = { lambda = {}, fargate = { wanted = { api = 2, worker = 1 } }, ec2 = { wanted = { api = 2, worker = 1 } } }
    live        = "fargate"
    cache       = true
    certificate = { arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
  }

  assert {
    condition = alltrue(flatten([for namespace in aws_prometheus_rule_group_namespace.side : [for rule in yamldecode(namespace.data).groups[0].rules :
    can(regex("^[ -~]{1,100}$", "[${var.product} ${var.environment}] RESOLVED ${rule.labels.severity} ${rule.alert}"))]]))
    error_message = "SNS takes subjects of 100 ASCII characters."
  }
  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_composite_alarm.this)) : can(regex("^${var.product} ${var.environment} P[123] [ -~]+$", alarm.alarm_name)) && length(alarm.alarm_name) <= 255])
    error_message = "CloudWatch takes names of 255 characters, and ours begin with product, environment and severity."
  }
  assert {
    condition     = alltrue([for rule in aws_cloudwatch_event_rule.this : can(regex("^[a-z0-9-]{1,64}$", rule.name))])
    error_message = "EventBridge takes names of 64 characters."
  }
}
