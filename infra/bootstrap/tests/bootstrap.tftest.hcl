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
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/boundary" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::contact-manager-state-123456789012" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
}

variables {
  region = "eu-central-1"
}

run "without_a_repository_there_is_a_bucket_and_no_role" {
  assert {
    condition     = output.bucket == "contact-manager-state-123456789012" && output.plan_role_arn == null && output.apply_role_arns == null && output.permissions_boundary_arns == null
    error_message = "Roles are made for a repository."
  }
  assert {
    condition     = output.backend == "bucket = \"contact-manager-state-123456789012\"\nregion = \"eu-central-1\"\n"
    error_message = "The backends are told the bucket and the region."
  }
}

run "with_a_repository_there_are_roles_for_every_environment" {
  variables {
    github = { repository = "example/contact-manager", ids = { owner = "1", repository = "2" } }
  }

  assert {
    condition     = output.plan_role_arn != null && keys(output.apply_role_arns) == ["dev", "prod", "staging"] && keys(output.permissions_boundary_arns) == ["dev", "prod", "staging"]
    error_message = "One role plans, and one per environment applies, within a boundary."
  }
}

run "the_settings_of_the_region_are_left_alone_unless_asked_for" {
  assert {
    condition     = length(aws_backup_region_settings.tables) == 0
    error_message = "They are shared with everybody in the account."
  }
}

run "tables_can_go_to_cold_storage_in_old_accounts_too" {
  variables {
    advanced_table_backups = true
  }

  assert {
    condition     = aws_backup_region_settings.tables[0].resource_type_management_preference == tomap({ DynamoDB = true }) && aws_backup_region_settings.tables[0].resource_type_opt_in_preference == tomap({ DynamoDB = true })
    error_message = "Advanced features need both preferences."
  }
}

run "a_region_is_a_region" {
  command = plan
  variables {
    region = "Frankfurt"
  }
  expect_failures = [var.region]
}
