# Computes policy documents by itself, and calls nobody.
provider "aws" {
  alias                       = "real"
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}

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

run "a_repository_with_immutable_subjects_is_known_by_both_forms" {
  variables {
    repository_ids = { owner = "123", repository = "456" }
  }

  assert {
    condition = local.subjects == {
      plan = [
        "repo:example/contact-manager:pull_request", "repo:example/contact-manager:ref:refs/heads/main",
        "repo:example@123/contact-manager@456:pull_request", "repo:example@123/contact-manager@456:ref:refs/heads/main",
      ]
      apply-dev     = ["repo:example/contact-manager:environment:dev", "repo:example@123/contact-manager@456:environment:dev"]
      apply-staging = ["repo:example/contact-manager:environment:staging", "repo:example@123/contact-manager@456:environment:staging"]
      apply-prod    = ["repo:example/contact-manager:environment:prod", "repo:example@123/contact-manager@456:environment:prod"]
    }
    error_message = "A role trusts a subject that is not GitHub's word for this repository."
  }
}

run "a_plan_reads_no_data" {
  assert {
    condition     = endswith(aws_iam_role_policy_attachment.plan.policy_arn, "/ReadOnlyAccess")
    error_message = "A plan reads."
  }
  assert {
    condition = alltrue([
      for action in ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "sqs:ReceiveMessage", "logs:GetLogEvents", "sns:ListSubscriptions", "wafv2:GetSampledRequests"] :
      contains(flatten([for statement in data.aws_iam_policy_document.no_data["plan"].statement : statement.actions if statement.effect == "Deny" && length(statement.condition) == 0]), action)
    ])
    error_message = "Contacts and logs are nobody's business."
  }
  assert {
    condition     = data.aws_iam_policy_document.plan.statement[0].effect == "Deny" && data.aws_iam_policy_document.plan.statement[0].not_resources == toset(concat(["${var.state_bucket_arn}/*"], [for environment in var.environments : "arn:aws:s3:::contact-manager-${environment}-objects-123456789012/release/*"]))
    error_message = "Objects are denied but for the states and the releases."
  }
}

run "of_secrets_only_the_empty_first_version_can_be_read" {
  assert {
    condition = [
      for statement in data.aws_iam_policy_document.no_data["plan"].statement :
      "${coalesce(statement.effect, "Allow")} ${one(statement.condition).test} ${one(one(statement.condition).values)}" if contains(statement.actions, "secretsmanager:GetSecretValue")
    ] == ["Allow StringLike terraform-*", "Deny StringNotLike terraform-*"]
    error_message = "Versions of people and rotations are denied."
  }
}

run "an_apply_uses_keys_through_the_services_that_try_them_in_its_name" {
  assert {
    condition = {
      for role, document in data.aws_iam_policy_document.no_data : role => one(distinct([
        for statement in document.statement : join(" ", one(statement.condition).values) if contains(statement.actions, "kms:Decrypt")
      ]))
      } == {
      plan  = "lambda.*.amazonaws.com s3.*.amazonaws.com secretsmanager.*.amazonaws.com"
      apply = "lambda.*.amazonaws.com s3.*.amazonaws.com secretsmanager.*.amazonaws.com aps.*.amazonaws.com backup.*.amazonaws.com dynamodb.*.amazonaws.com"
    }
    error_message = "A vault, a workspace or a table with a key of one's own could not be made, or a plan decrypts what it need not."
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

run "roles_are_made_and_changed_within_the_boundary_alone" {
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.apply["dev"].statement :
      contains([for condition in statement.condition : "${condition.test} ${condition.variable} ${join(",", condition.values)}"],
      "StringEquals iam:PermissionsBoundary ${aws_iam_policy.boundary["dev"].arn}")
      if length(setintersection(statement.actions, ["iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"])) > 0
    ])
    error_message = "A role could be made or widened without the boundary."
  }
  assert {
    condition = length(setintersection(flatten(data.aws_iam_policy_document.apply["dev"].statement[*].actions), [
      "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeleteRolePermissionsBoundary", "iam:SetDefaultPolicyVersion",
    ])) == 0
    error_message = "The boundary itself must stay as it is."
  }
  assert {
    condition     = output.permissions_boundary_arns == { dev = "arn:aws:iam::123456789012:policy/boundary", prod = "arn:aws:iam::123456789012:policy/boundary", staging = "arn:aws:iam::123456789012:policy/boundary" } && aws_iam_policy.boundary["dev"].name == "contact-manager-ci-boundary-dev"
    error_message = "Each environment has a boundary, under a name that its role may not touch."
  }
}

run "the_boundary_ends_at_the_environment_and_before_iam" {
  assert {
    condition     = alltrue([for resource in data.aws_iam_policy_document.boundary["dev"].statement[0].resources : strcontains(resource, "contact-manager-dev")])
    error_message = "What dev keeps is called contact-manager-dev."
  }
  assert {
    condition = !anytrue([
      for action in flatten(data.aws_iam_policy_document.boundary["dev"].statement[*].actions) : contains(["*", "iam", "lambda", "organizations", "sts"], split(":", action)[0])
    ])
    error_message = "No role of an environment manages roles, or becomes another."
  }
  assert {
    condition = toset([
      for action in flatten(data.aws_iam_policy_document.boundary["dev"].statement[*].actions) : action if startswith(action, "s3:")
    ]) == toset(["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"])
    error_message = "Of S3 there are objects, and nothing about buckets."
  }
}

run "what_the_programs_may" {
  command = plan
  module {
    source = "../permissions"
  }
  providers = { aws = aws.real }
  variables {
    table_arn             = "arn:aws:dynamodb:eu-central-1:123456789012:table/contact-manager-dev-contacts"
    queue_arn             = "arn:aws:sqs:eu-central-1:123456789012:contact-manager-dev-jobs"
    dead_letter_queue_arn = "arn:aws:sqs:eu-central-1:123456789012:contact-manager-dev-jobs-dead"
    topic_arn             = "arn:aws:sns:eu-central-1:123456789012:contact-manager-dev-events"
    bucket_arn            = "arn:aws:s3:::contact-manager-dev-objects-123456789012"
    key_arns              = ["arn:aws:kms:eu-central-1:123456789012:key/1"]
    cache = {
      replication_group_arn = "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:contact-manager-dev"
      user_arn              = "arn:aws:elasticache:eu-central-1:123456789012:user:contact-manager-dev-app"
    }
  }
}

run "the_boundary_has_room_for_what_the_programs_may" {
  assert {
    condition = alltrue(flatten([
      for policy in [run.what_the_programs_may.api_policy_json, run.what_the_programs_may.worker_policy_json] : [
        for granted in jsondecode(policy).Statement : [
          for pair in setproduct(flatten([granted.Action]), flatten([granted.Resource])) : anytrue(flatten([
            for statement in data.aws_iam_policy_document.boundary["dev"].statement : [
              for bound in setproduct(statement.actions, statement.resources) :
              can(regex("^${replace(bound[0], "*", ".*")}$", pair[0])) && can(regex("^${replace(bound[1], "*", ".*")}$", pair[1]))
            ]
          ]))
        ]
      ]
    ]))
    error_message = "A role would be allowed something by its policy and refused it by the boundary: add it to boundary.tf."
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

run "an_environment_leaves_what_bears_the_name_of_another_alone" {
  assert {
    condition = alltrue([
      for theirs in ["table/contact-manager-prod-*", "function:contact-manager-staging-*", "parameter/contact-manager/prod/*", "secret:contact-manager-staging/*"] :
      anytrue([for resource in flatten([for statement in data.aws_iam_policy_document.apply["dev"].statement : tolist(statement.resources) if statement.sid == "OthersAlone"]) : endswith(resource, theirs)])
    ])
    error_message = "Tables, functions, parameters and secrets of the others are denied."
  }
  assert {
    condition     = !strcontains(jsonencode([for statement in data.aws_iam_policy_document.apply["dev"].statement : statement.resources if statement.sid == "OthersAlone"]), "-dev-")
    error_message = "Its own are not."
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

run "the_ids_of_a_repository_are_numbers" {
  command = plan
  variables {
    repository_ids = { owner = "*", repository = "456" }
  }
  expect_failures = [var.repository_ids]
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
