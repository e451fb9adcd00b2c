mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_kms_key" {
    defaults = {
      arn    = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
      key_id = "11111111-2222-3333-4444-555555555555"
    }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::trail" }
  }
}

variables {
  name = "contact-manager-test"
}

run "nothing_is_made_that_was_not_asked_for" {
  assert {
    condition     = length(aws_kms_key.this) + length(aws_cloudtrail.this) + length(aws_s3_bucket.trail) + length(aws_budgets_budget.this) == 0
    error_message = "Everything here is off by default."
  }
  assert {
    condition     = output.key_arn == null && output.trail_bucket_name == null
    error_message = "There is neither a key nor a trail."
  }
}

run "a_plan_knows_whether_there_is_a_key_before_it_is_made" {
  command = plan

  module {
    source = "./tests/consumer"
  }

  assert {
    condition     = length(terraform_data.encrypted) == 1
    error_message = "The answer must not wait for the key."
  }
}

run "a_key_rotates_and_has_an_alias" {
  variables {
    customer_managed_key = true
  }

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation && aws_kms_alias.this[0].name == "alias/contact-manager-test"
    error_message = "The key rotates."
  }
  assert {
    condition     = output.key_arn == aws_kms_key.this[0].arn
    error_message = "The output is the key's ARN."
  }
}

run "services_use_the_key_for_this_account_alone" {
  variables {
    customer_managed_key = true
    trail                = true
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.key.statement : length(statement.condition) > 0 if statement.sid != "Account"
    ])
    error_message = "Every statement but the account's own has a condition."
  }
  assert {
    condition     = contains(data.aws_iam_policy_document.key.statement[*].sid, "Trail")
    error_message = "CloudTrail may use the key."
  }
  assert {
    condition     = aws_cloudtrail.this[0].kms_key_id == aws_kms_key.this[0].arn
    error_message = "The trail takes the key."
  }
}

run "a_trail_covers_every_region_and_its_files_tell_if_they_were_touched" {
  variables {
    trail = true
  }

  assert {
    condition     = aws_cloudtrail.this[0].is_multi_region_trail && aws_cloudtrail.this[0].enable_log_file_validation
    error_message = "The trail is complete and validated."
  }
  assert {
    condition     = aws_cloudtrail.this[0].kms_key_id == null
    error_message = "Without a key the trail has S3's own."
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.trail[0].statement :
      anytrue([for condition in statement.condition : contains(["aws:SourceArn", "aws:SecureTransport"], condition.variable)])
    ])
    error_message = "Only this trail writes into the bucket, and only by TLS."
  }
  assert {
    condition     = output.trail_bucket_name == "contact-manager-test-trail-123456789012" && one(aws_s3_bucket_lifecycle_configuration.trail[0].rule).expiration[0].days == 365
    error_message = "The files are kept for a year."
  }
}

run "a_budget_tells_before_the_month_is_over" {
  variables {
    budget = { monthly_usd = 50, email = "team@example.com" }
  }

  assert {
    condition     = aws_budgets_budget.this[0].limit_amount == "50" && aws_budgets_budget.this[0].limit_unit == "USD"
    error_message = "The sum is passed on."
  }
  assert {
    condition     = toset([for notification in aws_budgets_budget.this[0].notification : "${notification.notification_type} ${notification.threshold}"]) == toset(["ACTUAL 80", "FORECASTED 100"])
    error_message = "A message comes at 80 % and when the forecast exceeds the sum."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "Contacts"
  }
  expect_failures = [var.name]
}

run "a_budget_is_a_sum_of_money" {
  command = plan
  variables {
    budget = { monthly_usd = 0, email = "team@example.com" }
  }
  expect_failures = [var.budget]
}

run "a_budget_tells_somebody" {
  command = plan
  variables {
    budget = { monthly_usd = 50, email = "team" }
  }
  expect_failures = [var.budget]
}
