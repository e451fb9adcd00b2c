# The provider computes policy documents by itself: nothing is mocked, and nothing is called.
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}

variables {
  table_arn             = "arn:aws:dynamodb:eu-central-1:123456789012:table/contacts"
  queue_arn             = "arn:aws:sqs:eu-central-1:123456789012:jobs"
  dead_letter_queue_arn = "arn:aws:sqs:eu-central-1:123456789012:dead"
  topic_arn             = "arn:aws:sns:eu-central-1:123456789012:events"
  bucket_arn            = "arn:aws:s3:::objects-123456789012"
}

run "the_api_puts_messages_into_the_queue_and_takes_none" {
  command = plan

  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.api_policy_json).Statement : statement.Action if strcontains(jsonencode(statement.Action), "sqs:")
    ])) == toset(["sqs:SendMessage"])
    error_message = "The API needs sqs:SendMessage and nothing else of SQS."
  }
}

run "the_api_subscribes_endpoints_of_the_three_channels_and_publishes_nothing" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(output.api_policy_json).Statement : statement.Condition.StringEquals["sns:Protocol"] if statement.Sid == "Subscribe"
    ] == [["email", "https", "sqs"]]
    error_message = "The API may subscribe email, https and sqs."
  }

  assert {
    condition     = !strcontains(output.api_policy_json, "sns:Publish")
    error_message = "The API must not publish."
  }
}

run "the_worker_publishes_and_subscribes_nobody" {
  command = plan

  assert {
    condition     = strcontains(output.worker_policy_json, "\"sns:Publish\"")
    error_message = "The worker publishes."
  }

  assert {
    condition     = !strcontains(output.worker_policy_json, "\"sns:Subscribe\"")
    error_message = "The worker must not subscribe anybody."
  }
}

run "the_worker_lets_endpoints_go_and_looks_at_none" {
  command = plan

  assert {
    condition     = strcontains(output.worker_policy_json, "\"sns:Unsubscribe\"")
    error_message = "The worker lets go endpoints whose request broke off."
  }

  assert {
    condition     = !strcontains(output.worker_policy_json, "\"sns:GetSubscriptionAttributes\"")
    error_message = "Only the API looks at an endpoint."
  }
}

run "dead_letters_are_for_operators_alone" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(output.operator_policy_json).Statement : toset(statement.Action) if statement.Resource == var.dead_letter_queue_arn
    ] == [toset(["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"])]
    error_message = "A redrive finds the dead-letter queue by name, receives and deletes."
  }
  assert {
    condition     = !strcontains(output.api_policy_json, var.dead_letter_queue_arn) && !strcontains(output.worker_policy_json, var.dead_letter_queue_arn)
    error_message = "No process of the service touches dead letters."
  }
}

run "an_operator_makes_tokens_and_begins_epochs" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(output.operator_policy_json).Statement : toset(statement.Action) if statement.Resource == var.table_arn
    ] == [toset(["dynamodb:PutItem", "dynamodb:Scan", "dynamodb:UpdateItem"])]
    error_message = "The commands put, scan and update."
  }
}

run "no_process_may_scan_the_table_or_manage_anything" {
  command = plan

  assert {
    condition = alltrue([
      for action in ["dynamodb:Scan", "dynamodb:*", "sqs:*", "sns:*", "s3:*", ":Create", ":Purge"] :
      !strcontains(output.api_policy_json, action) && !strcontains(output.worker_policy_json, action)
    ])
    error_message = "A policy grants more than the code calls."
  }
}

run "only_what_knows_no_resource_is_granted_on_everything" {
  command = plan

  assert {
    condition = alltrue([
      for statement in concat(jsondecode(output.api_policy_json).Statement, jsondecode(output.worker_policy_json).Statement) :
      contains(["cloudwatch:GetMetricData", "sns:GetSubscriptionAttributes", "sns:Unsubscribe"], statement.Action) if statement.Resource == "*"
    ])
    error_message = "Only GetMetricData, GetSubscriptionAttributes and Unsubscribe go with the resource *."
  }
}

run "without_a_cache_and_a_key_neither_is_named" {
  command = plan

  assert {
    condition = alltrue([
      for service in ["elasticache:", "kms:"] :
      !strcontains(output.api_policy_json, service) && !strcontains(output.worker_policy_json, service)
    ])
    error_message = "There is neither a cache nor a key."
  }
}

run "with_a_cache_both_may_log_in_as_its_user" {
  command = plan

  variables {
    cache = {
      replication_group_arn = "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:cache"
      user_arn              = "arn:aws:elasticache:eu-central-1:123456789012:user:app"
    }
  }

  assert {
    condition = alltrue([
      for policy in [output.api_policy_json, output.worker_policy_json] : [
        for statement in jsondecode(policy).Statement : toset(statement.Resource) if statement.Action == "elasticache:Connect"
      ] == [toset(values(var.cache))]
    ])
    error_message = "elasticache:Connect goes with the replication group and the user."
  }
}

run "a_key_is_usable_through_the_services_alone" {
  command = plan

  variables {
    key_arns = ["arn:aws:kms:eu-central-1:123456789012:key/1"]
  }

  assert {
    condition = alltrue([
      for policy in [output.api_policy_json, output.worker_policy_json, output.operator_policy_json] : [
        for statement in jsondecode(policy).Statement : statement.Condition.StringEquals["kms:ViaService"] if statement.Sid == "Key"
        ] == [[
          "dynamodb.eu-central-1.amazonaws.com",
          "s3.eu-central-1.amazonaws.com",
          "sns.eu-central-1.amazonaws.com",
          "sqs.eu-central-1.amazonaws.com",
      ]]
    ])
    error_message = "The key goes with kms:ViaService of the table's region."
  }
}

run "of_the_bucket_there_is_the_history_alone_and_the_worker_removes" {
  command = plan

  assert {
    condition = alltrue([
      for policy in [output.api_policy_json, output.worker_policy_json] : alltrue([
        for statement in jsondecode(policy).Statement :
        try(statement.Condition.StringLike["s3:prefix"], "") == "system/*" || statement.Resource == "${var.bucket_arn}/system/*"
        if strcontains(jsonencode(statement.Action), "s3:")
      ])
    ])
    error_message = "Both programs may touch what begins with system/, and nothing else."
  }

  assert {
    condition     = strcontains(output.worker_policy_json, "s3:DeleteObject") && !strcontains(output.api_policy_json, "s3:DeleteObject") && !strcontains(output.operator_policy_json, "s3:")
    error_message = "Only the worker merges and removes."
  }
}

run "a_bucket_is_named_by_its_arn" {
  command = plan
  variables {
    bucket_arn = "objects"
  }
  expect_failures = [var.bucket_arn]
}

run "a_table_is_named_by_its_arn" {
  command = plan
  variables {
    table_arn = "contacts"
  }
  expect_failures = [var.table_arn]
}

run "a_queue_is_named_by_its_arn" {
  command = plan
  variables {
    queue_arn = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs"
  }
  expect_failures = [var.queue_arn]
}

run "a_dead_letter_queue_is_named_by_its_arn" {
  command = plan
  variables {
    dead_letter_queue_arn = "dead"
  }
  expect_failures = [var.dead_letter_queue_arn]
}

run "a_topic_is_named_by_its_arn" {
  command = plan
  variables {
    topic_arn = "events"
  }
  expect_failures = [var.topic_arn]
}

run "a_key_is_named_by_its_arn_and_not_by_an_alias" {
  command = plan
  variables {
    key_arns = ["arn:aws:kms:eu-central-1:123456789012:alias/contacts"]
  }
  expect_failures = [var.key_arns]
}
