mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = {
      id  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vault-abcdef"
      arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vault-abcdef"
    }
  }
  mock_resource "aws_secretsmanager_secret_version" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vault-abcdef" }
  }
}

variables {
  name = "contact-manager-test"
  services = {
    api    = { keys = ["CONTACTS_CACHE_URL", "CONTACTS_OIDC_AUDIENCE"] }
    worker = { keys = ["CONTACTS_CACHE_URL"] }
  }
}

run "every_service_has_a_vault_of_its_own" {
  assert {
    condition     = { for service, secret in aws_secretsmanager_secret.this : service => secret.name } == { api = "contact-manager-test/api", worker = "contact-manager-test/worker" }
    error_message = "A vault is called NAME/SERVICE."
  }
  assert {
    condition     = keys(output.secret_arns) == ["api", "worker"]
    error_message = "The ARNs go by service."
  }
}

run "a_task_gets_each_variable_by_its_key" {
  assert {
    condition = output.value_from.api == {
      CONTACTS_CACHE_URL     = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vault-abcdef:CONTACTS_CACHE_URL::"
      CONTACTS_OIDC_AUDIENCE = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vault-abcdef:CONTACTS_OIDC_AUDIENCE::"
    }
    error_message = "valueFrom is ARN:KEY::."
  }
}

run "no_value_is_in_the_state" {
  assert {
    condition = alltrue([
      for version in aws_secretsmanager_secret_version.first :
      version.secret_string_wo == null && version.secret_string == null && version.secret_string_wo_version == 1
    ])
    error_message = "The value is write-only, and its number does not change."
  }
}

run "the_first_version_never_comes_again" {
  assert {
    condition     = alltrue([for version in aws_secretsmanager_secret_version.first : contains(version.version_stages, "FIRST")])
    error_message = "A label of its own keeps the first version from being dropped and made anew."
  }
}

run "without_readers_there_is_no_policy" {
  assert {
    condition     = length(aws_secretsmanager_secret_policy.readers) == 0
    error_message = "Nobody was named."
  }
}

run "a_reader_alone_may_read" {
  variables {
    readers = { api = "arn:aws:iam::123456789012:role/api-execution" }
  }

  assert {
    condition     = keys(aws_secretsmanager_secret_policy.readers) == ["api"] && aws_secretsmanager_secret_policy.readers["api"].block_public_policy
    error_message = "The vault of the service that has a reader has a policy."
  }
  assert {
    condition = {
      for condition in data.aws_iam_policy_document.readers["api"].statement[0].condition : "${condition.test} ${condition.variable}" => condition.values
      } == {
      "ArnNotLike aws:PrincipalArn"            = tolist(["arn:aws:iam::123456789012:role/api-execution"])
      "StringNotLike secretsmanager:VersionId" = tolist(["terraform-*"])
    }
    error_message = "Everybody else is denied everything but the empty first version."
  }
}

run "a_function_that_rotates_may_read_what_it_rotates" {
  variables {
    readers  = { api = "arn:aws:iam::123456789012:role/api-execution" }
    rotation = { lambda_arn = "arn:aws:lambda:eu-central-1:123456789012:function:rotate", role_arn = "arn:aws:iam::123456789012:role/rotate" }
  }

  assert {
    condition = contains(flatten([
      for condition in data.aws_iam_policy_document.readers["api"].statement[0].condition : condition.values
    ]), "arn:aws:iam::123456789012:role/rotate")
    error_message = "The function's role is no stranger."
  }
  assert {
    condition = alltrue([
      for rotation in aws_secretsmanager_secret_rotation.this :
      rotation.rotation_rules[0].automatically_after_days == 30 && !rotation.rotate_immediately
    ])
    error_message = "Secrets rotate every 30 days, and not before there is one."
  }
  assert {
    condition     = alltrue([for permission in aws_lambda_permission.rotation : permission.source_account == "123456789012" && permission.principal == "secretsmanager.amazonaws.com"])
    error_message = "Secrets Manager of this account may call the function, for this vault."
  }
}

run "a_vault_can_be_deleted_at_once_where_environments_come_and_go" {
  variables {
    recovery_window_days = 0
  }

  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.recovery_window_in_days == 0])
    error_message = "The window is passed on."
  }
}

run "a_customer_managed_key_encrypts_the_vaults" {
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.kms_key_id == var.key_arn])
    error_message = "The vaults take the key."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "-"
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

run "a_service_has_a_plain_name" {
  command = plan
  variables {
    services = { "API server" = { keys = ["A"] } }
  }
  expect_failures = [var.services]
}

run "a_key_is_an_environment_variable" {
  command = plan
  variables {
    services = { api = { keys = ["cache-url"] } }
  }
  expect_failures = [var.services]
}

run "a_service_without_secrets_has_no_vault" {
  command = plan
  variables {
    services = { api = { keys = [] } }
  }
  expect_failures = [var.services]
}

run "a_reader_reads_a_vault_that_exists" {
  command = plan
  variables {
    readers = { web = "arn:aws:iam::123456789012:role/web" }
  }
  expect_failures = [var.readers]
}

run "a_reader_is_a_role" {
  command = plan
  variables {
    readers = { api = "api-execution" }
  }
  expect_failures = [var.readers]
}

run "a_rotation_needs_a_function" {
  command = plan
  variables {
    rotation = { lambda_arn = "rotate" }
  }
  expect_failures = [var.rotation]
}

run "a_rotation_comes_every_so_many_days" {
  command = plan
  variables {
    rotation = { lambda_arn = "arn:aws:lambda:eu-central-1:123456789012:function:rotate", days = 0 }
  }
  expect_failures = [var.rotation]
}

run "a_rotation_beside_readers_needs_its_role" {
  command = plan
  variables {
    readers  = { api = "arn:aws:iam::123456789012:role/api-execution" }
    rotation = { lambda_arn = "arn:aws:lambda:eu-central-1:123456789012:function:rotate" }
  }
  expect_failures = [var.rotation]
}

run "a_recovery_window_is_none_or_a_week_to_a_month" {
  command = plan
  variables {
    recovery_window_days = 3
  }
  expect_failures = [var.recovery_window_days]
}
