mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:events" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/scheduler" }
  }
  mock_resource "aws_scheduler_schedule_group" {
    defaults = { arn = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/contact-manager-test" }
  }
}

variables {
  name      = "contact-manager-test"
  queue_arn = "arn:aws:sqs:eu-central-1:123456789012:jobs"
}

run "the_schedules_say_what_the_worker_understands" {
  assert {
    condition = { for kind, schedule in aws_scheduler_schedule.this : schedule.target[0].input => schedule.schedule_expression } == {
      "{\"schedule\":\"sweep-outbox\"}"    = "rate(1 minute)"
      "{\"schedule\":\"anniversaries\"}"   = "rate(15 minutes)"
      "{\"schedule\":\"compact-history\"}" = "rate(15 minutes)"
    }
    error_message = "The schedules are not those of shared/jobs/src/schedule.rs."
  }
  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.this : schedule.target[0].arn == var.queue_arn])
    error_message = "The messages go to the queue."
  }
}

run "schedules_are_on_time_and_never_overtaken_by_the_next_time" {
  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.this : schedule.flexible_time_window[0].mode == "OFF"])
    error_message = "The time is not flexible."
  }
  assert {
    condition = { for kind, schedule in aws_scheduler_schedule.this : kind => schedule.target[0].retry_policy[0].maximum_event_age_in_seconds } == {
      sweep-outbox    = 60
      anniversaries   = 900
      compact-history = 900
    }
    error_message = "A message is dropped when the next one is due."
  }
}

run "only_schedules_of_this_group_and_account_take_the_role" {
  assert {
    condition = { for condition in data.aws_iam_policy_document.scheduler_trust.statement[0].condition : condition.variable => condition.values } == {
      "aws:SourceAccount" = tolist(["123456789012"])
      "aws:SourceArn"     = tolist([aws_scheduler_schedule_group.this.arn])
    }
    error_message = "The role is bound to the account and the group."
  }
  assert {
    condition     = length(data.aws_iam_policy_document.scheduler.statement) == 1
    error_message = "The role sends messages and does nothing else."
  }
}

run "the_topic_is_for_this_account_and_for_tls" {
  assert {
    condition     = one(data.aws_iam_policy_document.topic.statement[0].principals).identifiers == toset(["arn:aws:iam::123456789012:root"])
    error_message = "Only roles of this account use the topic."
  }
  assert {
    condition     = data.aws_iam_policy_document.topic.statement[1].effect == "Deny" && one(data.aws_iam_policy_document.topic.statement[1].condition).variable == "aws:SecureTransport"
    error_message = "The topic's policy denies what does not come by TLS."
  }
}

run "without_a_key_the_topic_has_the_one_of_aws" {
  assert {
    condition     = aws_sns_topic.events.kms_master_key_id == "alias/aws/sns"
    error_message = "The topic is encrypted in any case."
  }
}

run "a_customer_managed_key_encrypts_the_topic_and_the_scheduler_may_use_it_for_the_queue" {
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = aws_sns_topic.events.kms_master_key_id == var.key_arn
    error_message = "The topic takes the key."
  }
  assert {
    condition     = data.aws_iam_policy_document.scheduler.statement[1].resources == toset([var.key_arn])
    error_message = "The scheduler needs the key to put messages into an encrypted queue."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "contact manager"
  }
  expect_failures = [var.name]
}

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/contacts"
  }
  expect_failures = [var.key_arn]
}

run "a_queue_is_named_by_its_arn" {
  command = plan
  variables {
    queue_arn = "jobs"
  }
  expect_failures = [var.queue_arn]
}

run "roles_are_bounded_when_asked_for" {
  command = plan
  variables {
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.scheduler.permissions_boundary == var.permissions_boundary
    error_message = "The role must have the boundary."
  }
}

run "a_boundary_is_a_policy" {
  command = plan
  variables {
    permissions_boundary = "boundary"
  }
  expect_failures = [var.permissions_boundary]
}
