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
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
}

variables {
  name             = "contact-manager"
  repository       = "example/contact-manager"
  state_bucket_arn = "arn:aws:s3:::contact-manager-state-123456789012"
}

run "every_role_is_bound_to_the_audience_and_to_whole_subjects" {
  assert {
    condition = {
      for role, document in data.aws_iam_policy_document.trust : role => {
        for condition in document.statement[0].condition : "${condition.test} ${condition.variable}" => condition.values
      }
      } == {
      plan = {
        "StringEquals token.actions.githubusercontent.com:aud" = tolist(["sts.amazonaws.com"])
        "StringEquals token.actions.githubusercontent.com:sub" = tolist(["repo:example/contact-manager:pull_request", "repo:example/contact-manager:ref:refs/heads/main"])
      }
      apply-dev = {
        "StringEquals token.actions.githubusercontent.com:aud" = tolist(["sts.amazonaws.com"])
        "StringEquals token.actions.githubusercontent.com:sub" = tolist(["repo:example/contact-manager:environment:dev"])
      }
      apply-staging = {
        "StringEquals token.actions.githubusercontent.com:aud" = tolist(["sts.amazonaws.com"])
        "StringEquals token.actions.githubusercontent.com:sub" = tolist(["repo:example/contact-manager:environment:staging"])
      }
      apply-prod = {
        "StringEquals token.actions.githubusercontent.com:aud" = tolist(["sts.amazonaws.com"])
        "StringEquals token.actions.githubusercontent.com:sub" = tolist(["repo:example/contact-manager:environment:prod"])
      }
    }
    error_message = "A role trusts somebody else."
  }
}

run "a_plan_reads_no_data" {
  assert {
    condition     = endswith(aws_iam_role_policy_attachment.plan.policy_arn, "/ReadOnlyAccess")
    error_message = "A plan reads."
  }
  assert {
    condition = alltrue([
      for action in ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "sqs:ReceiveMessage", "logs:GetLogEvents"] :
      contains(flatten([for statement in data.aws_iam_policy_document.no_data.statement : statement.actions if statement.effect == "Deny" && length(statement.condition) == 0]), action)
    ])
    error_message = "Contacts and logs are nobody's business."
  }
  assert {
    condition     = data.aws_iam_policy_document.plan.statement[0].effect == "Deny" && data.aws_iam_policy_document.plan.statement[0].not_resources == toset(["${var.state_bucket_arn}/*"])
    error_message = "Objects are denied but for the states."
  }
}

run "of_secrets_only_the_empty_first_version_can_be_read" {
  assert {
    condition = [
      for statement in data.aws_iam_policy_document.no_data.statement :
      "${coalesce(statement.effect, "Allow")} ${one(statement.condition).test} ${one(one(statement.condition).values)}" if contains(statement.actions, "secretsmanager:GetSecretValue")
    ] == ["Allow StringLike terraform-*", "Deny StringNotLike terraform-*"]
    error_message = "Versions of people and rotations are denied."
  }
}

run "an_environment_writes_roles_under_its_own_names" {
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.apply["dev"].statement :
      alltrue([for resource in statement.resources : strcontains(resource, "/contact-manager-dev-")]) if statement.effect == null
    ])
    error_message = "The roles of dev are called contact-manager-dev-…."
  }
  assert {
    condition = [
      for statement in data.aws_iam_policy_document.apply["dev"].statement : one(statement.condition).variable if contains(statement.actions, "iam:PassRole")
    ] == ["iam:PassedToService"]
    error_message = "Roles are handed to named services alone."
  }
}

run "an_environment_leaves_the_states_of_the_others_alone" {
  assert {
    condition = [
      for statement in data.aws_iam_policy_document.apply["dev"].statement : statement.resources if statement.sid == "OwnState"
    ] == [toset(["${var.state_bucket_arn}/staging/*", "${var.state_bucket_arn}/prod/*"])]
    error_message = "The other states are denied."
  }
}

run "a_single_environment_has_no_others" {
  variables {
    environments = ["prod"]
  }

  assert {
    condition     = keys(output.apply_role_arns) == ["prod"] && !contains(data.aws_iam_policy_document.apply["prod"].statement[*].sid, "OwnState")
    error_message = "There is one role."
  }
}

run "a_provider_that_is_there_is_used" {
  variables {
    provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && output.provider_arn == var.provider_arn
    error_message = "An account has one provider of a URL."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "CI"
  }
  expect_failures = [var.name]
}

run "a_repository_is_one_repository" {
  command = plan
  variables {
    repository = "example/*"
  }
  expect_failures = [var.repository]
}

run "a_branch_is_one_branch" {
  command = plan
  variables {
    branch = "*"
  }
  expect_failures = [var.branch]
}

run "environments_cannot_have_names_that_are_part_of_another" {
  command = plan
  variables {
    environments = ["dev", "dev-eu"]
  }
  expect_failures = [var.environments]
}

run "an_environment_is_not_called_like_these_roles" {
  command = plan
  variables {
    environments = ["ci"]
  }
  expect_failures = [var.environments]
}

run "the_bucket_is_named_by_its_arn" {
  command = plan
  variables {
    state_bucket_arn = "contact-manager-state"
  }
  expect_failures = [var.state_bucket_arn]
}

run "the_provider_is_the_one_of_github" {
  command = plan
  variables {
    provider_arn = "arn:aws:iam::123456789012:oidc-provider/example.com"
  }
  expect_failures = [var.provider_arn]
}
